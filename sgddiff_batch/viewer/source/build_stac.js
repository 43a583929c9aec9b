/**
 * Build the page by which tests look at mosaics with a foreign reader, ol-stac: `node build_stac.js [FOLDER]`,
 * by default into tests/io/catalogue/page. It is no part of the viewer, nor of what is installed.
 */

import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundle, here, licences, replacing } from './bundle.js';

const target = resolve(process.argv[2] ?? join(here, '../../../tests/io/catalogue/page'));

/** Decoders that no mosaic of ours needs. That of zstd is zarrita's own: it is the reader's word that counts. */
const REPLACED = new Map(
  ['numcodecs/blosc', 'numcodecs/lz4', 'zstddec', 'zstddec/stream', 'lerc', 'web-worker'].map((name) => [
    name,
    name.startsWith('zstddec') ? 'src/data/zstd_decoder.js' : 'src/data/no_decoder.js',
  ]),
);

const packages = await bundle(
  'stac/main.js',
  join(target, 'stac.js'),
  'ol-stac for a test of sgddiff_batch; what it is made of: LICENSES.txt',
  [replacing(/^(numcodecs\/(blosc|lz4)|zstddec|lerc$|web-worker$)/, REPLACED)],
);

await mkdir(target, { recursive: true });
await copyFile(join(here, 'stac', 'index.html'), join(target, 'index.html'));
const title = 'This page of a test holds these packages, each under its own licence.';
await writeFile(join(target, 'LICENSES.txt'), await licences(title, packages));
