import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { RawAnswer } from '../../harness/puppet-server.ts';

const CHUNK_BYTES = 65_536;
/** Far more than any answer may have; the victim has to hang up long before. */
const MOST_BYTES = 10 * 1024 ** 3;
const DRIP_MS = 50;

function pour(response: ServerResponse, chunk: Buffer): void {
  let written = 0;
  const more = () => {
    while (!response.destroyed && written < MOST_BYTES) {
      written += chunk.length;
      if (!response.write(chunk)) return;
    }
    response.end();
  };
  response.on('drain', more);
  more();
}

/** 10 GB of the same character, as fast as they are taken. */
export function endless(contentType: string, character: string, before = ''): RawAnswer {
  return new RawAnswer((_request, response) => {
    response.writeHead(200, { 'content-type': contentType });
    response.write(before);
    pour(response, Buffer.alloc(CHUNK_BYTES, character));
  });
}

/** A small gzip body that is 200 MiB when unpacked. */
export function bomb(): RawAnswer {
  const body = gzipSync(Buffer.alloc(200 * 1024 ** 2, ' '));
  return new RawAnswer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(body);
  });
}

/** A byte now and then, until whoever asked has had enough. */
export function dripping(onEnd: () => void): RawAnswer {
  return new RawAnswer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const drip = setInterval(() => response.write(' '), DRIP_MS);
    response.on('close', () => {
      clearInterval(drip);
      onEnd();
    });
  });
}

export function redirecting(location: string, status = 307): RawAnswer {
  return new RawAnswer((_request, response) => void response.writeHead(status, { location }).end());
}

/** Any body under any status and type. */
export function bytes(body: string | Buffer, status = 200, contentType = 'application/json'): RawAnswer {
  return new RawAnswer(
    (_request, response) => void response.writeHead(status, { 'content-type': contentType }).end(body),
  );
}

/** A body of a type, with status 200. */
export function typed(contentType: string, body: string): RawAnswer {
  return bytes(body, 200, contentType);
}

/** Half an answer. */
export function broken(): RawAnswer {
  return new RawAnswer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"pdus":');
    setImmediate(() => response.destroy());
  });
}

/** What no peer should answer to anything: each has a name for people. */
export function badAnswers(): [string, RawAnswer][] {
  return [
    ['nothing', bytes('')],
    ['no JSON', bytes('<html>hello</html>', 200, 'text/html')],
    ['a list', bytes('[]')],
    ['null', bytes('null')],
    ['invalid UTF-8', bytes(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))],
    ['the same key twice', bytes('{"pdus":[],"pdus":7,"state":[],"state":null,"event":{},"event":1}')],
    ['nesting', bytes('['.repeat(100_000))],
    ['inner keys', bytes('{"__proto__":{"pdus":[]},"constructor":1}')],
    [
      'the wrong types',
      bytes('{"pdus":{},"events":7,"auth_chain":"x","pdu_ids":[1],"auth_chain_ids":null,"event":[]}'),
    ],
    [
      'lists of rubbish',
      bytes('{"pdus":[7,null,[]],"events":["x"],"auth_chain":[{}],"state":[{"type":1}],"event":{}}'),
    ],
    ['an error', bytes('{"errcode":"M_UNKNOWN_TOKEN","error":"log out"}', 401)],
    ['an error of its own', bytes('{"errcode":7,"error":{}}', 418)],
    ['that it is away', bytes('', 502)],
    ['half an answer', broken()],
    ['a redirect to itself', redirecting('/_matrix/federation/v1/version')],
    ['a bomb', bomb()],
  ];
}
