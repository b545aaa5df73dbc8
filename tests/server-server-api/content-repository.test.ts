import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../harness/test-database.ts';
import { errorOf, startMediaServer } from '../media/media-server.ts';

const db = await testDatabase();
const { request, upload } = await startMediaServer({ db });
const MEDIA = '/_matrix/federation/v1/media';

/** The parts of a multipart body, each with its head as text and its bytes. */
async function partsOf(response: Response): Promise<{ head: string; body: Buffer }[]> {
  const boundary = /^multipart\/mixed; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})$/.exec(
    response.headers.get('content-type') ?? '',
  )?.[1];
  const all = Buffer.from(await response.arrayBuffer());
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const text = Buffer.concat([Buffer.from('\r\n'), all]);
  const parts = [];
  let at = text.indexOf(delimiter);
  for (;;) {
    const start = at + delimiter.length;
    if (text.subarray(start).toString() === '--\r\n') return parts;
    at = text.indexOf(delimiter, start);
    const part = text.subarray(start + 2, at);
    const headEnd = part.indexOf('\r\n\r\n');
    parts.push({ head: part.subarray(0, headEnd).toString(), body: part.subarray(headEnd + 4) });
  }
}

describe('serving media to other servers', () => {
  test('a download has two parts: empty metadata, and the bytes with their headers', async () => {
    const bytes = Buffer.concat([randomBytes(5000), Buffer.from('\r\n--x--\r\n')]);
    const mediaId = await upload(bytes, 'Image/PNG', 'ä.png');
    const response = await request('GET', `${MEDIA}/download/${mediaId}`);
    const length = Number(response.headers.get('content-length'));
    expect(response.headers.get('content-security-policy')).toMatch(/^sandbox;/);
    const copy = response.clone();
    expect((await copy.arrayBuffer()).byteLength).toBe(length);
    const [metadata, content, ...more] = await partsOf(response);
    expect(more).toEqual([]);
    expect([metadata?.head, metadata?.body.toString()]).toEqual(['content-type: application/json', '{}']);
    expect(content?.head.split('\r\n')).toEqual([
      'content-type: Image/PNG',
      `content-disposition: inline; filename="_.png"; filename*=UTF-8''%C3%A4.png`,
    ]);
    expect(content?.body.equals(bytes)).toBe(true);
  });

  test('a thumbnail comes the same way', async () => {
    const image = await sharp({ create: { width: 500, height: 400, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const mediaId = await upload(new Uint8Array(image), 'image/jpeg');
    const [, content] = await partsOf(
      await request('GET', `${MEDIA}/thumbnail/${mediaId}?width=96&height=96&method=crop`),
    );
    expect(content?.head.split('\r\n')).toEqual([
      'content-type: image/jpeg',
      'content-disposition: inline; filename="thumbnail.jpeg"',
    ]);
    expect(await sharp(content?.body).metadata()).toMatchObject({ format: 'jpeg', width: 96, height: 96 });
  });

  test('what is not there, not there yet, or not asked for rightly has its error', async () => {
    expect(await errorOf(await request('GET', `${MEDIA}/download/absent`))).toEqual([404, 'M_NOT_FOUND']);
    expect(await errorOf(await request('GET', `${MEDIA}/download/..%2f..%2fetc`))).toEqual([404, 'M_NOT_FOUND']);
    const created = await request('POST', '/_matrix/media/v1/create', { as: 'alice' });
    const { content_uri: uri } = (await created.json()) as { content_uri: string };
    const empty = await request('GET', `${MEDIA}/download/${uri.split('/').at(-1)}?timeout_ms=1`);
    expect(await errorOf(empty)).toEqual([504, 'M_NOT_YET_UPLOADED']);
    const mediaId = await upload('not an image');
    for (const size of ['width=0&height=1', 'width=-1&height=1', 'width=1.5&height=1', 'width=a&height=1'])
      expect(await errorOf(await request('GET', `${MEDIA}/thumbnail/${mediaId}?${size}`))).toEqual([
        400,
        'M_INVALID_PARAM',
      ]);
    expect(await errorOf(await request('GET', `${MEDIA}/thumbnail/${mediaId}?width=32&height=32`))).toEqual([
      400,
      'M_UNKNOWN',
    ]);
  });
});
