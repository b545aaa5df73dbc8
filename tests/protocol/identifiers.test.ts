import { describe, expect, test } from 'vitest';
import {
  isCompliantUserId,
  isDeviceId,
  isEventId,
  isNewLocalpart,
  isRoomAlias,
  isRoomId,
  isServerName,
  isUserId,
  localpartOf,
  parseMxcUri,
  parseServerName,
  serverNameOf,
} from '../../server/src/protocol/identifiers.ts';

describe('server names', () => {
  test.each([
    ['matrix.org', 'matrix.org', undefined, 'dns'],
    ['matrix.org:8888', 'matrix.org', 8888, 'dns'],
    ['localhost', 'localhost', undefined, 'dns'],
    ['1.2.3.4', '1.2.3.4', undefined, 'ipv4'],
    ['1.2.3.4:1234', '1.2.3.4', 1234, 'ipv4'],
    ['[1234:5678::abcd]', '1234:5678::abcd', undefined, 'ipv6'],
    ['[1234:5678::abcd]:5678', '1234:5678::abcd', 5678, 'ipv6'],
    ['[::]', '::', undefined, 'ipv6'],
    ['[::ffff:1.2.3.4]', '::ffff:1.2.3.4', undefined, 'ipv6'],
    ['[1:2:3:4:5:6:7:8]', '1:2:3:4:5:6:7:8', undefined, 'ipv6'],
    ['Upper.Example', 'Upper.Example', undefined, 'dns'],
  ] as const)('%s has host %s, port %s and is %s', (text, host, port, kind) => {
    expect(parseServerName(text)).toEqual({ host, port, kind });
  });

  test.each([
    '',
    ':8448',
    'a b',
    'a_b.example',
    'exämple.org',
    'example.org:',
    'example.org:123456',
    'example.org:80a',
    'example.org:80:80',
    'example.org/path',
    '256.1.1.1',
    '[1234::abcd',
    '[1234::abcd]x',
    '[1:2:3]',
    '[1::2::3]',
    '[1:2:3:4:5:6:7:8:9]',
    '[12345::]',
    '[::1.2.3.256]',
    '[1.2.3.4::]',
    '[]',
    'example.org\n',
  ])('%j is no server name', (text) => {
    expect(isServerName(text)).toBe(false);
  });

  test('a DNS name may have 255 characters and no more', () => {
    expect(isServerName('a'.repeat(255))).toBe(true);
    expect(isServerName('a'.repeat(256))).toBe(false);
  });
});

describe('user ids', () => {
  test('the historical grammar allows any characters but colon and NUL, and an empty localpart', () => {
    for (const id of ['@alice:one.example', '@Alice Smith:one.example', '@:one.example', '@ä🦊:one.example:8448']) {
      expect(isUserId(id), id).toBe(true);
    }
    for (const id of ['alice:one.example', '@alice', '@alice:', '@a\u0000:one.example', '@\ud800:one.example', '', 7]) {
      expect(isUserId(id), JSON.stringify(id)).toBe(false);
    }
  });

  test('a user id has at most 255 bytes, not characters', () => {
    const server = 'one.example';
    expect(isUserId(`@${'a'.repeat(242)}:${server}`)).toBe(true);
    expect(isUserId(`@${'a'.repeat(243)}:${server}`)).toBe(false);
    expect(isUserId(`@${'ä'.repeat(122)}:${server}`)).toBe(false);
  });

  test('a user id outside of visible ASCII, or without localpart, is not compliant', () => {
    expect(isCompliantUserId('@Alice!:one.example')).toBe(true);
    for (const id of ['@:one.example', '@a b:one.example', '@ä:one.example', '@a\u007f:one.example']) {
      expect(isCompliantUserId(id), id).toBe(false);
    }
  });

  test('a new localpart consists of lower-case letters, digits and . _ = - / +', () => {
    expect(isNewLocalpart('alice.smith_2=-/+')).toBe(true);
    for (const localpart of ['', 'Alice', 'al ice', 'alice:x', 'ä', 'alice\n', '@alice']) {
      expect(isNewLocalpart(localpart), JSON.stringify(localpart)).toBe(false);
    }
  });

  test('the server is all after the first colon', () => {
    expect(serverNameOf('@alice:one.example:8448')).toBe('one.example:8448');
    expect(serverNameOf('@alice:[::1]:8448')).toBe('[::1]:8448');
    expect(localpartOf('@alice:[::1]:8448')).toBe('alice');
    expect(localpartOf('@:one.example')).toBe('');
  });
});

describe('other ids', () => {
  test('a room id has a domain or is the hash of the create event', () => {
    expect(isRoomId('!abc:one.example')).toBe(true);
    expect(isRoomId('!Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ')).toBe(true);
    for (const id of ['!', '!abc', '!abc:', '#abc:one.example', '!a\u0000:one.example', `!${'a'.repeat(256)}:b`]) {
      expect(isRoomId(id), JSON.stringify(id)).toBe(false);
    }
  });

  test('an event id is opaque but has a sigil and at most 255 bytes', () => {
    expect(isEventId('$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg')).toBe(true);
    expect(isEventId('$143273582443PhrSn:example.org')).toBe(true);
    expect(isEventId(`$${'a'.repeat(254)}`)).toBe(true);
    for (const id of ['$', 'abc', `$${'a'.repeat(255)}`, '$\ud800', '$\u0000']) {
      expect(isEventId(id), JSON.stringify(id)).toBe(false);
    }
  });

  test('a room alias has a domain; its localpart may hold any character but colon and NUL', () => {
    expect(isRoomAlias('#Büro 🦊:one.example')).toBe(true);
    expect(isRoomAlias('#office')).toBe(false);
    expect(isRoomAlias('#of\u0000fice:one.example')).toBe(false);
  });

  test('a device id is opaque text of at most 255 bytes', () => {
    expect(isDeviceId('ABCDEFGHIJ')).toBe(true);
    expect(isDeviceId('')).toBe(false);
    expect(isDeviceId('a'.repeat(256))).toBe(false);
  });

  test('A9.2 a media URI is taken apart only by its grammar, so that it cannot name another path', () => {
    expect(parseMxcUri('mxc://one.example:8448/Ab_-9')).toEqual({ serverName: 'one.example:8448', mediaId: 'Ab_-9' });
    for (const uri of [
      'mxc://one.example',
      'mxc://one.example/',
      'mxc:///abc',
      'mxc://one.example/a/b',
      'mxc://one.example/../b',
      'mxc://one.example/a?b',
      'mxc://one.example/a#b',
      'mxc://one.example/%2e',
      'mxc://a b/c',
      'https://one.example/abc',
      `mxc://one.example/${'a'.repeat(256)}`,
    ]) {
      expect(parseMxcUri(uri), uri).toBeUndefined();
    }
  });
});
