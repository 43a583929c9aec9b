/** The codec "zstd" of Zarr, in JavaScript: in place of zarrita's, which is WebAssembly. */

import { decompress } from 'fzstd';

/** The most bytes that a frame may say that it holds: a chunk of 4096 x 4096 codes. */
const MOST_BYTES = 1 << 24;

export default {
  kind: 'bytes_to_bytes',
  fromConfig() {
    return { kind: 'bytes_to_bytes', encode: refuse, decode: unpack };
  },
};

/**
 * @param {Uint8Array} frame A frame of zstd (RFC 8878).
 * @returns {Uint8Array} What it holds.
 * @throws {Error} If it claims more than a chunk can be, or is damaged.
 */
export function unpack(frame) {
  const claimed = claimedBytes(frame);
  if (claimed > MOST_BYTES) throw new Error(`a chunk says that it holds ${claimed} bytes`);
  return decompress(frame);
}

/** @returns {number} How many bytes a frame's header says that it holds; 0 if it does not. */
function claimedBytes(frame) {
  if (frame.length < 18) return 0;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== 0xfd2fb528) throw new Error('a chunk is no frame of zstd');
  const [kind, single, names] = [frame[4] >> 6, (frame[4] >> 5) & 1, frame[4] & 3];
  const start = 5 + (1 - single) + [0, 1, 2, 4][names];
  if (kind === 0) return single ? frame[start] : 0;
  if (kind === 1) return view.getUint16(start, true) + 256;
  return kind === 2 ? view.getUint32(start, true) : Number(view.getBigUint64(start, true));
}

function refuse() {
  throw new Error('a viewer writes nothing');
}
