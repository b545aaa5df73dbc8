/**
 * Array parameters in Postgres's binary format, for the statements of the paths that are taken most: as text, which the driver
 * sends otherwise, every element is escaped here and parsed there, which costs more than all the rest of a short statement.
 * The parameter has to be declared as an array of just this type (`$1::bigint[]`).
 */

const BOOL_OID = 16;
const BYTEA_OID = 17;
const INT8_OID = 20;
const TEXT_OID = 25;
/** Dimensions, whether there are nulls, type of the elements; of the one dimension length and lower bound. */
const HEAD_BYTES = 20;
const NULL_LENGTH = -1;

/** Of bytes that `fill` writes completely. */
function arrayOf(elementOid: number, length: number, bytes: number): Buffer {
  const array = Buffer.allocUnsafe(HEAD_BYTES + bytes);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4);
  array.writeInt32BE(elementOid, 8);
  array.writeInt32BE(length, 12);
  array.writeInt32BE(1, 16);
  return array;
}

/** `bigint[]` of safe integers. */
export function int8Array(values: readonly (number | null)[]): Buffer {
  const array = arrayOf(INT8_OID, values.length, values.length * 12);
  let at = HEAD_BYTES;
  for (const value of values) {
    if (value === null) {
      at = array.writeInt32BE(NULL_LENGTH, at);
      continue;
    }
    at = array.writeInt32BE(8, at);
    at = array.writeInt32BE(Math.floor(value / 2 ** 32), at);
    at = array.writeUInt32BE(value >>> 0, at);
  }
  return array.subarray(0, at);
}

/** `boolean[]`. */
export function boolArray(values: readonly boolean[]): Buffer {
  const array = arrayOf(BOOL_OID, values.length, values.length * 5);
  let at = HEAD_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(1, at);
    at = array.writeUInt8(value ? 1 : 0, at);
  }
  return array;
}

/** `text[]`. Neither NUL nor lone surrogates may be in it: see `toStoredText`. */
export function textArray(values: readonly (string | null)[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += 4 + (value === null ? 0 : Buffer.byteLength(value));
  const array = arrayOf(TEXT_OID, values.length, bytes);
  let at = HEAD_BYTES;
  for (const value of values) {
    if (value === null) {
      at = array.writeInt32BE(NULL_LENGTH, at);
      continue;
    }
    const written = array.write(value, at + 4);
    array.writeInt32BE(written, at);
    at += 4 + written;
  }
  return array;
}

/** `bytea[]`. */
export function byteaArray(values: readonly Uint8Array[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += 4 + value.length;
  const array = arrayOf(BYTEA_OID, values.length, bytes);
  let at = HEAD_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(value.length, at);
    array.set(value, at);
    at += value.length;
  }
  return array;
}
