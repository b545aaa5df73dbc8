import { describe, expect, test } from 'vitest';
import { matrixToLink, parseMatrixLink } from '../../client-web/src/view-models/matrix-link.ts';

describe('parseMatrixLink', () => {
  test('reads users, rooms, aliases and events of matrix.to links', () => {
    expect(parseMatrixLink('https://matrix.to/#/@ana:example.org')).toEqual({
      kind: 'user',
      userId: '@ana:example.org',
    });
    expect(parseMatrixLink('https://matrix.to/#/%23design%3Aexample.org')).toEqual({
      kind: 'room',
      room: '#design:example.org',
      via: [],
    });
    expect(parseMatrixLink('https://matrix.to/#/!abc:example.org/$event?via=a.org&via=b.org')).toEqual({
      kind: 'event',
      room: '!abc:example.org',
      eventId: '$event',
      via: ['a.org', 'b.org'],
    });
    expect(parseMatrixLink('https://matrix.to/#/!room-version-12')).toMatchObject({ kind: 'room' });
  });

  test('reads matrix: URIs', () => {
    expect(parseMatrixLink('matrix:u/ana:example.org')).toEqual({ kind: 'user', userId: '@ana:example.org' });
    expect(parseMatrixLink('matrix:roomid/abc:example.org/e/event?via=a.org')).toEqual({
      kind: 'event',
      room: '!abc:example.org',
      eventId: '$event',
      via: ['a.org'],
    });
  });

  test('refuses everything else', () => {
    for (const url of [
      'https://example.org/#/@ana:example.org',
      'https://matrix.to/#/',
      'https://matrix.to/#/ana',
      'https://matrix.to/#/@ana:example.org/$event',
      'https://matrix.to/#/%E0%A4%A',
      'matrix:x/ana:example.org',
      'https://matrix.to.example.org/#/@ana:example.org',
    ]) {
      expect(parseMatrixLink(url), url).toBeUndefined();
    }
  });

  test('reads what matrixToLink writes', () => {
    expect(parseMatrixLink(matrixToLink('@a/b:example.org'))).toEqual({ kind: 'user', userId: '@a/b:example.org' });
    expect(parseMatrixLink(matrixToLink('!r:h.org', { eventId: '$e/+x', via: ['h.org:8448'] }))).toEqual({
      kind: 'event',
      room: '!r:h.org',
      eventId: '$e/+x',
      via: ['h.org:8448'],
    });
  });
});
