/** The decoder that geotiff asks for by the name "zstddec", in JavaScript. */

import { decompress } from 'fzstd';

export class ZSTDDecoder {
  async init() {}

  /** @param {Uint8Array} frame @param {number} [size] Bytes that it holds. @returns {Uint8Array} */
  decode(frame, size) {
    return size ? decompress(frame, new Uint8Array(size)) : decompress(frame);
  }
}
