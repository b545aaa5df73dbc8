import { describe, expect, test } from 'vitest';
import {
  field,
  previewText,
  readBody,
  replyTarget,
  stripReplyFallback,
} from '../../client-web/src/matrix/event-content.ts';

describe('readBody', () => {
  test('reads text, notices and emotes, with HTML only in the one format there is', () => {
    expect(readBody('m.room.message', { msgtype: 'm.text', body: 'hi' })).toEqual({
      kind: 'text',
      style: 'plain',
      text: 'hi',
    });
    expect(readBody('m.room.message', { msgtype: 'm.notice', body: 'hi' })).toMatchObject({ style: 'notice' });
    expect(readBody('m.room.message', { msgtype: 'm.emote', body: 'hi' })).toMatchObject({ style: 'emote' });
    const html = { msgtype: 'm.text', body: 'hi', formatted_body: '<b>hi</b>' };
    expect(readBody('m.room.message', { ...html, format: 'org.matrix.custom.html' })).toHaveProperty(
      'html',
      '<b>hi</b>',
    );
    expect(readBody('m.room.message', { ...html, format: 'text/rtf' })).not.toHaveProperty('html');
  });

  test('reads media with their sizes and leaves out what is not of the expected form', () => {
    const content = {
      msgtype: 'm.image',
      body: 'p.png',
      url: 'mxc://h/a',
      info: { w: 640, h: '480', size: -3, mimetype: 'IMAGE/PNG', thumbnail_url: 'https://h/a' },
    };
    expect(readBody('m.room.message', content)).toEqual({
      kind: 'image',
      isSticker: false,
      media: { name: 'p.png', mxc: 'mxc://h/a', width: 640, mimetype: 'image/png' },
    });
  });

  test('takes body for a caption only beside a file name that differs', () => {
    const base = { msgtype: 'm.file', url: 'mxc://h/a' };
    expect(readBody('m.room.message', { ...base, body: 'see page 2', filename: 'a.pdf' })).toMatchObject({
      caption: { text: 'see page 2' },
      media: { name: 'a.pdf' },
    });
    expect(readBody('m.room.message', { ...base, body: 'a.pdf', filename: 'a.pdf' })).not.toHaveProperty('caption');
    expect(readBody('m.room.message', { ...base, body: 'a.pdf' })).not.toHaveProperty('caption');
  });

  test('survives content of any shape', () => {
    const shapes = [undefined, null, 1, 'x', [], {}, { body: {} }, { msgtype: 'm.image', body: 1, info: [] }];
    for (const content of [...shapes, JSON.parse('{"msgtype":"m.text","body":"x","__proto__":{"format":1}}')]) {
      expect(() => previewText(readBody('m.room.message', content))).not.toThrow();
    }
    expect(readBody('m.room.message', { msgtype: 'constructor', body: 'x' })).toEqual({
      kind: 'unsupported',
      text: 'x',
    });
  });

  test('says that an encrypted event is encrypted', () => {
    expect(readBody('m.room.encrypted', { ciphertext: 'x' })).toEqual({ kind: 'encrypted' });
  });
});

test('field never reaches the prototype', () => {
  expect(field({}, 'constructor')).toBeUndefined();
  expect(field({}, '__proto__')).toBeUndefined();
});

describe('replies', () => {
  test('a reply names its event, and one in a thread only when it is meant as one', () => {
    const inReplyTo = { 'm.in_reply_to': { event_id: '$a' } };
    expect(replyTarget({ 'm.relates_to': inReplyTo })).toBe('$a');
    const inThread = { ...inReplyTo, rel_type: 'm.thread', event_id: '$root' };
    expect(replyTarget({ 'm.relates_to': { ...inThread, is_falling_back: true } })).toBeUndefined();
    expect(replyTarget({ 'm.relates_to': { ...inThread, is_falling_back: false } })).toBe('$a');
  });

  test('the old quoted fallback is removed, a quote of the writer is kept', () => {
    expect(stripReplyFallback('> <@a:b> first\n> second\n\nanswer')).toBe('answer');
    expect(stripReplyFallback('> * <@a:b> waves\n\nanswer')).toBe('answer');
    expect(stripReplyFallback('> a quote\n\nanswer')).toBe('> a quote\n\nanswer');
  });
});
