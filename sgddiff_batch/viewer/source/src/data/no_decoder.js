/** In place of decoders that need WebAssembly or a worker, which the page's policy refuses. */

const WHY = 'this page has no decoder for it: none without WebAssembly is known';

export default {
  kind: 'bytes_to_bytes',
  fromConfig() {
    throw new Error(WHY);
  },
};

export function decode() {
  throw new Error(WHY);
}

export async function load() {
  throw new Error(WHY);
}
