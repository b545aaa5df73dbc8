import { describe, expect, test } from 'vitest';
import { compileServerAcl, MAX_ACL_ENTRIES, serverAclAllows } from '../../server/src/protocol/server-acls.ts';

const allows = (content: unknown, server: string) => serverAclAllows(compileServerAcl(content), server);
const all = ['*'];

test('a room without the event allows every server', () => {
  expect(serverAclAllows(undefined, 'evil.example')).toBe(true);
});

describe('the lists', () => {
  test('deny goes before allow, and what is in neither is denied', () => {
    const acl = { allow: ['*.example'], deny: ['evil.example', '*.evil.example'] };
    expect(allows(acl, 'good.example')).toBe(true);
    expect(allows(acl, 'evil.example')).toBe(false);
    expect(allows(acl, 'sub.evil.example')).toBe(false);
    expect(allows(acl, 'good.test')).toBe(false);
  });

  test.each([{}, null, 'x', [], { allow: 'x' }, { allow: null }, { allow: [1, null] }, { deny: [] }])(
    'missing or invalid lists are empty, so that %j denies everybody',
    (content) => {
      expect(allows(content, 'good.example')).toBe(false);
    },
  );

  test('an invalid deny list denies nobody, and invalid entries are left out', () => {
    expect(allows({ allow: all, deny: 'good.example' }, 'good.example')).toBe(true);
    expect(allows({ allow: [1, '*'], deny: [{}, 'evil.example'] }, 'good.example')).toBe(true);
    expect(allows({ allow: [1, '*'], deny: [{}, 'evil.example'] }, 'evil.example')).toBe(false);
  });
});

describe('A4.1 the server name', () => {
  test('is matched without regard to case', () => {
    expect(allows({ allow: all, deny: ['EVIL.example'] }, 'evil.EXAMPLE')).toBe(false);
    expect(allows({ allow: all, deny: ['*.EVIL.example'] }, 'A.evil.EXAMPLE')).toBe(false);
  });

  test('is matched without its port', () => {
    for (const port of ['', ':8448', ':1234']) {
      expect(allows({ allow: all, deny: ['evil.com'] }, `evil.com${port}`)).toBe(false);
      expect(allows({ allow: all, deny: ['1.2.3.4'] }, `1.2.3.4${port}`)).toBe(false);
      expect(allows({ allow: all, deny: ['[::1]'] }, `[::1]${port}`)).toBe(false);
    }
    expect(allows({ allow: all, deny: ['evil.com:8448'] }, 'evil.com:8448')).toBe(true);
  });

  test.each(['1.2.3.4', '1.2.3.4:8448', '[::1]', '[2001:DB8::1]:8448', '[::ffff:1.2.3.4]'])(
    'the IP literal %s is denied where these are',
    (server) => {
      expect(allows({ allow: all, allow_ip_literals: false }, server)).toBe(false);
      expect(allows({ allow: all, allow_ip_literals: true }, server)).toBe(true);
    },
  );

  test('IP literals are allowed unless the key is the boolean false', () => {
    for (const value of [undefined, null, 'false', 0]) {
      expect(allows({ allow: all, allow_ip_literals: value }, '1.2.3.4'), String(value)).toBe(true);
    }
    expect(allows({ allow: all, allow_ip_literals: false }, 'a1.2.3.4')).toBe(true);
  });

  test('what is no server name is denied', () => {
    for (const server of ['', 'a b', 'evil.com/', '999.1.1.1', '[::1', 'evil.com:x']) {
      expect(allows({ allow: all }, server), server).toBe(false);
    }
  });
});

describe('A4.2 hostile lists', () => {
  test('more entries than the cap deny everybody', () => {
    const many = Array.from({ length: MAX_ACL_ENTRIES }, (_, i) => `x${i}.example`);
    expect(allows({ allow: all, deny: many.slice(1) }, 'good.example')).toBe(true);
    expect(allows({ allow: all, deny: many }, 'good.example')).toBe(false);
  });

  test('a full list of patterns that look for a needle is asked in bounded time', () => {
    const deny = Array.from({ length: MAX_ACL_ENTRIES - 1 }, (_, i) => `*a*a*a*a*a*a*a*a*${i}x`);
    expect(allows({ allow: all, deny }, `${'a'.repeat(240)}.example`)).toBe(true);
  });
});
