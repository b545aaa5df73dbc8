import { randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { createMediaRepository } from '../../server/src/media/media-repository.ts';
import { Thumbnailer } from '../../server/src/media/thumbnailer.ts';
import { testDatabase } from '../harness/test-database.ts';
import { errorOf, noRemote, startMediaServer } from './media-server.ts';

const db = await testDatabase();
const { parts, request, upload } = await startMediaServer({ db });

async function thumbnail(mediaId: string, query: string): Promise<Response> {
  return await request('GET', `/_matrix/client/v1/media/thumbnail/parley.test/${mediaId}?${query}`, { as: 'bob' });
}

async function described(response: Response) {
  const bytes = Buffer.from(await response.arrayBuffer());
  const { format, width, height, pages = 1, pageHeight, exif } = await sharp(bytes, { animated: true }).metadata();
  return { type: response.headers.get('content-type'), format, width, height: pageHeight ?? height, pages, exif };
}

function canvas(width: number, height: number, channels: 3 | 4 = 3, background = '#4080c0') {
  return sharp({ create: { width, height, channels, background }, limitInputPixels: false });
}

const uploadImage = async (image: Promise<Buffer>, type: string) => await upload(new Uint8Array(await image), type);

describe('thumbnails', () => {
  test('come in the sizes that the spec recommends, cut or shrunk', async () => {
    const mediaId = await uploadImage(canvas(2000, 1000).jpeg().toBuffer(), 'image/jpeg');
    const of = async (query: string) => {
      const { width, height, type } = await described(await thumbnail(mediaId, query));
      return [width, height, type];
    };
    expect(await of('width=20&height=20&method=crop')).toEqual([32, 32, 'image/jpeg']);
    expect(await of('width=96&height=96&method=crop')).toEqual([96, 96, 'image/jpeg']);
    expect(await of('width=200&height=200&method=crop')).toEqual([480, 240, 'image/jpeg']);
    expect(await of('width=300&height=100&method=scale')).toEqual([320, 160, 'image/jpeg']);
    expect(await of('width=800&height=600')).toEqual([800, 400, 'image/jpeg']);
    expect(await of('width=2000&height=20')).toEqual([2000, 1000, 'image/jpeg']);
  });

  test('are made once and kept', async () => {
    const mediaId = await uploadImage(canvas(500, 500).jpeg().toBuffer(), 'image/jpeg');
    const first = await thumbnail(mediaId, 'width=32&height=32&method=crop');
    // A repository that cannot start workers shows that no second one is needed.
    const idle = createMediaRepository({
      ...parts,
      remote: noRemote,
      thumbnailer: new Thumbnailer({ concurrency: 0, maxWaiting: 0, timeoutMs: 1 }),
    });
    const medium = await idle.find({
      serverName: 'parley.test',
      mediaId,
      timeoutMs: 0,
      sender: undefined,
      signal: new AbortController().signal,
    });
    const again = await idle.thumbnail(medium, { width: 30, height: 30, method: 'crop', animated: false });
    expect(`"${again.sha256.toString('base64url')}"`).toBe(first.headers.get('etag'));
    await expect(idle.thumbnail(medium, { width: 96, height: 96, method: 'crop', animated: false })).rejects.toThrow(
      'Too many thumbnails',
    );
  });

  test('are made once for all who ask at the same time', async () => {
    const mediaId = await uploadImage(canvas(700, 500).png().toBuffer(), 'image/png');
    const replies = await Promise.all(Array.from({ length: 8 }, () => thumbnail(mediaId, 'width=320&height=240')));
    expect(new Set(replies.map((reply) => reply.headers.get('etag'))).size).toBe(1);
  });

  test('are the image itself where that is small, whatever it was called', async () => {
    const image = await canvas(60, 50).png().toBuffer();
    const mediaId = await upload(new Uint8Array(image), 'text/html');
    const response = await thumbnail(mediaId, 'width=96&height=96&method=scale');
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('content-disposition')).toBe('inline; filename="thumbnail.png"');
    expect(image.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
  });

  test('keep transparency, are turned the right way up and say nothing of where they were taken', async () => {
    const transparent = await uploadImage(canvas(500, 500, 4, '#4080c080').webp().toBuffer(), 'image/webp');
    expect(await described(await thumbnail(transparent, 'width=32&height=32&method=crop'))).toMatchObject({
      type: 'image/png',
    });
    const sideways = canvas(1000, 500)
      .withExif({ IFD0: { Copyright: 'me' } })
      .withMetadata({ orientation: 6 });
    const turned = await described(
      await thumbnail(await uploadImage(sideways.jpeg().toBuffer(), 'image/jpeg'), 'width=320&height=240'),
    );
    expect(turned).toMatchObject({ width: 120, height: 240 });
    expect(turned.exif).toBeUndefined();
  });

  test('move only when asked to', async () => {
    const frames = Array.from({ length: 4 }, (_, n) => Buffer.alloc(400 * 300 * 3, n * 60));
    const gif = sharp(Buffer.concat(frames), { raw: { width: 400, height: 1200, channels: 3, pageHeight: 300 } }).gif();
    const mediaId = await uploadImage(gif.toBuffer(), 'image/gif');
    const still = await described(await thumbnail(mediaId, 'width=320&height=240'));
    expect(still).toMatchObject({ pages: 1, width: 320, height: 240, type: 'image/png' });
    const moving = await described(await thumbnail(mediaId, 'width=320&height=240&animated=true'));
    expect(moving).toMatchObject({ pages: 4, width: 320, height: 240, type: 'image/webp' });
    // Asked for larger than it is: itself if it may move, its first frame if not.
    expect(await described(await thumbnail(mediaId, 'width=500&height=400&animated=true'))).toMatchObject({
      pages: 4,
      type: 'image/gif',
    });
    expect(await described(await thumbnail(mediaId, 'width=900&height=400&animated=false'))).toMatchObject({
      pages: 1,
      width: 400,
      height: 300,
    });
  });

  test.each(['', 'width=32', 'height=32', 'width=0&height=32', 'width=-5&height=32', 'width=1e3&height=32'])(
    'a request for `%s` makes no sense',
    async (query) => {
      const mediaId = await upload('x');
      expect((await thumbnail(mediaId, query)).status).toBe(400);
    },
  );

  test('have no other methods than crop and scale', async () => {
    const reply = await thumbnail(await upload('x'), 'width=32&height=32&method=stretch');
    expect(await errorOf(reply)).toEqual([400, 'M_INVALID_PARAM']);
  });
});

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  // The decoder is told nothing of the checksum's worth: it stops long before it would look.
  return Buffer.concat([length, Buffer.from(type, 'latin1'), data, Buffer.alloc(4)]);
}

/** A PNG that claims a size and holds almost nothing. */
function claimedPng(width: number, height: number): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const data = deflateSync(Buffer.alloc(100));
  return new Uint8Array(
    Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]),
  );
}

describe('images that are made to do harm (A6.3, A5.4)', () => {
  test('a bomb of 400 megapixels in a megabyte is refused as too large', async () => {
    const bomb = await uploadImage(canvas(20_000, 20_000).png().toBuffer(), 'image/png');
    expect(await errorOf(await thumbnail(bomb, 'width=32&height=32'))).toEqual([413, 'M_TOO_LARGE']);
  });

  test('32 million pixels are decoded, a row more is not', async () => {
    const most = await uploadImage(canvas(8000, 4000).png().toBuffer(), 'image/png');
    const more = await uploadImage(canvas(8000, 4001).png().toBuffer(), 'image/png');
    expect((await thumbnail(most, 'width=32&height=32')).status).toBe(200);
    expect(await errorOf(await thumbnail(more, 'width=32&height=32'))).toEqual([413, 'M_TOO_LARGE']);
  });

  test('an animation with too many pixels in all its frames stands still', async () => {
    const frames = 40;
    const strip = sharp(Buffer.alloc(1000 * 1000 * frames * 3), {
      raw: { width: 1000, height: 1000 * frames, channels: 3, pageHeight: 1000 },
      limitInputPixels: false,
    });
    const mediaId = await uploadImage(strip.gif({ effort: 1 }).toBuffer(), 'image/gif');
    const reply = await described(await thumbnail(mediaId, 'width=96&height=96&method=crop&animated=true'));
    expect(reply).toMatchObject({ pages: 1, width: 96 });
  });

  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';
  test.each<[string, Uint8Array<ArrayBuffer> | string]>([
    ['SVG', svg],
    ['SVG behind a byte-order mark', `\ufeff${svg}`],
    ['TIFF', new Uint8Array(Buffer.concat([Buffer.from('II*\0', 'latin1'), randomBytes(200)]))],
    ['PDF', '%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj'],
    ['BMP', new Uint8Array(Buffer.concat([Buffer.from('BM'), Buffer.alloc(200)]))],
    ['HEIF', '\0\0\0\x18ftypheic\0\0\0\0mif1heic and more'],
    ['ImageMagick script', 'push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 "https://x.test"'],
    ['PNG that claims 65,535 × 488 and ends', claimedPng(65_535, 488)],
    ['PNG of size zero', claimedPng(0, 0)],
    ['JPEG of noise', new Uint8Array(Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), randomBytes(5000)]))],
    ['GIF of noise', new Uint8Array(Buffer.concat([Buffer.from('GIF89a'), randomBytes(5000)]))],
    [
      'WebP of noise',
      new Uint8Array(Buffer.concat([Buffer.from('RIFF\xff\xff\0\0WEBPVP8L', 'latin1'), randomBytes(5000)])),
    ],
    ['nothing', new Uint8Array(0)],
    ['one byte', 'x'],
  ])('%s is no image', async (_name, bytes) => {
    const mediaId = await upload(bytes, 'image/png');
    const [status] = await errorOf(await thumbnail(mediaId, 'width=32&height=32'));
    expect([400, 413]).toContain(status);
    expect(await errorOf(await thumbnail(mediaId, 'width=32&height=32'))).toEqual([
      status,
      status === 400 ? 'M_UNKNOWN' : 'M_TOO_LARGE',
    ]);
  });

  test('a worker that takes too long is ended, and the next image is fine', async () => {
    const image = new Uint8Array(await canvas(3000, 3000).png().toBuffer());
    const slow = await startMediaServer({ db });
    const impatient = createMediaRepository({
      ...slow.parts,
      remote: noRemote,
      thumbnailer: new Thumbnailer({ concurrency: 1, maxWaiting: 5, timeoutMs: 5 }),
    });
    const find = async (mediaId: string) =>
      await impatient.find({
        serverName: 'parley.test',
        mediaId,
        timeoutMs: 0,
        sender: undefined,
        signal: new AbortController().signal,
      });
    const wanted = { width: 32, height: 32, method: 'crop', animated: false } as const;
    const medium = await find(await slow.upload(image));
    await expect(impatient.thumbnail(medium, wanted)).rejects.toMatchObject({ status: 400 });
    expect((await slow.media.thumbnail(medium, wanted)).contentType).toBe('image/jpeg');
  });
});
