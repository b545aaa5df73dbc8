import { expect, test } from 'vitest';
import { hashToken, newToken, tokenHash } from '../../server/src/users/tokens.ts';

test('A7.2 tokens say what they are for, hold 256 random bits and are never the same', () => {
  const tokens = new Set(Array.from({ length: 1000 }, () => newToken('access')));
  expect(tokens.size).toBe(1000);
  for (const token of tokens) expect(token).toMatch(/^pla_[A-Za-z0-9_-]{48}$/);
});

test('a token is recognised by its kind and its checksum, without looking it up', () => {
  const token = newToken('access');
  expect(tokenHash('access', token)).toEqual(hashToken(token));
  expect(tokenHash('refresh', token)).toBeUndefined();
  expect(tokenHash('access', token.replace('pla_', 'plr_'))).toBeUndefined();
  const flipped = token.slice(0, 10) + (token[10] === 'A' ? 'B' : 'A') + token.slice(11);
  expect(tokenHash('access', flipped)).toBeUndefined();
  for (const nonsense of ['', 'pla_', `${token}x`, token.slice(0, -1), 'x'.repeat(1_000_000)])
    expect(tokenHash('access', nonsense)).toBeUndefined();
});
