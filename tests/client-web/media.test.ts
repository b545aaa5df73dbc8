import { describe, expect, test } from 'vitest';
import { MediaLoader, parseMxc } from '../../client-web/src/matrix/media.ts';

describe('A9.2 a media URI', () => {
  test('is taken apart when it follows the grammar', () => {
    expect(parseMxc('mxc://example.org/AbC_-9')).toEqual({ serverName: 'example.org', mediaId: 'AbC_-9' });
    expect(parseMxc('mxc://[2001:db8::1]:8448/x')).toEqual({ serverName: '[2001:db8::1]:8448', mediaId: 'x' });
  });

  test.each([
    'https://example.org/x',
    'mxc://example.org',
    'mxc://example.org/',
    'mxc:///x',
    'mxc://example.org/../../../v3/logout',
    'mxc://example.org/x/../../logout',
    'mxc://example.org/%2e%2e',
    'mxc://example.org/x?server=evil',
    'mxc://example.org/x#y',
    'mxc://exa mple.org/x',
    'mxc://example.org\\@evil/x',
    `mxc://example.org/${'x'.repeat(256)}`,
    42,
    undefined,
  ])('is refused when it does not: %s', (uri) => {
    expect(parseMxc(uri)).toBeUndefined();
  });
});

describe('the media loader', () => {
  function loaderOf(answer: (path: string) => Response, idleLimit = 2) {
    const asked: { path: string; authorization: string | null }[] = [];
    const loader = new MediaLoader({
      baseUrl: 'https://example.org',
      accessToken: 'secret',
      idleLimit,
      devicePixelRatio: 2,
      fetch: async (url, init) => {
        const path = String(url).slice('https://example.org'.length);
        asked.push({ path, authorization: new Headers(init?.headers).get('authorization') });
        return answer(path);
      },
    });
    return { loader, asked };
  }
  const ok = () => new Response('picture');

  test('fetches with the access token and once for all who show the same', async () => {
    const { loader, asked } = loaderOf(ok);
    const request = { mxc: 'mxc://example.org/a', width: 36, height: 36, method: 'crop' } as const;
    const [one, two] = [loader.acquire(request), loader.acquire(request)];
    expect(await one.url).toBe(await two.url);
    expect(one.currentUrl).toMatch(/^blob:/);
    expect(asked).toEqual([
      {
        path: '/_matrix/client/v1/media/thumbnail/example.org/a?width=72&height=72&method=crop',
        authorization: 'Bearer secret',
      },
    ]);
  });

  test('never turns a crafted URI into a request', async () => {
    const { loader, asked } = loaderOf(ok);
    await expect(loader.acquire({ mxc: 'mxc://example.org/../../v3/account' }).url).rejects.toThrow('Not a media URI');
    expect(asked).toEqual([]);
  });

  test('keeps what nobody shows up to its limit, and never lets go of what is shown', async () => {
    const { loader, asked } = loaderOf(ok, 1);
    const shown = loader.acquire({ mxc: 'mxc://example.org/shown' });
    for (const id of ['a', 'b']) {
      const handle = loader.acquire({ mxc: `mxc://example.org/${id}` });
      await handle.url;
      handle.release();
    }
    // b is still there, a was the longest unused.
    for (const id of ['b', 'shown', 'a']) await loader.acquire({ mxc: `mxc://example.org/${id}` }).url;
    expect(asked.map(({ path }) => path.split('/').at(-1))).toEqual(['shown', 'a', 'b', 'a']);
    shown.release();
  });

  test('asks again after a failure', async () => {
    let isBroken = true;
    const { loader, asked } = loaderOf(() => (isBroken ? new Response('', { status: 502 }) : ok()));
    const request = { mxc: 'mxc://example.org/a' };
    await expect(loader.acquire(request).url).rejects.toThrow('502');
    isBroken = false;
    await expect(loader.acquire(request).url).resolves.toMatch(/^blob:/);
    expect(asked).toHaveLength(2);
  });
});
