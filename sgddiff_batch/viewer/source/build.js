/**
 * Build the page: `node build.js [FOLDER]`, by default into ../page, which is part of the repository.
 *
 * Equal sources and an equal lock file make equal bytes: nothing here knows the time or the folder.
 */

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundle, here, licences, replacing } from './bundle.js';
import { landRings } from './land.js';

const target = resolve(process.argv[2] ?? join(here, '..', 'page'));

/** Decoders in WebAssembly, which the page's policy refuses: ours in JavaScript instead, or none. */
const REPLACED = new Map([
  ['numcodecs/zstd', 'src/data/zstd_codec.js'],
  ['numcodecs/blosc', 'src/data/no_decoder.js'],
  ['numcodecs/lz4', 'src/data/no_decoder.js'],
  ['zstddec', 'src/data/zstd_decoder.js'],
  ['zstddec/stream', 'src/data/zstd_decoder.js'],
  ['lerc', 'src/data/no_decoder.js'],
  ['web-worker', 'src/data/no_decoder.js'],
]);

/** `import rings from 'land'`: outlines of the continents as rings of degrees. */
const land = {
  name: 'land',
  setup(build) {
    build.onResolve({ filter: /^land$/ }, () => ({ path: 'land', namespace: 'land' }));
    build.onLoad({ filter: /.*/, namespace: 'land' }, async () => {
      const atlas = join(here, 'node_modules', 'world-atlas', 'land-110m.json');
      return { contents: JSON.stringify(landRings(JSON.parse(await readFile(atlas, 'utf8')))), loader: 'json' };
    });
  },
};

const packages = await bundle(
  'src/main.js',
  join(target, 'viewer.js'),
  'The map viewer of sgddiff_batch; what it is made of: LICENSES.txt',
  [replacing(/^(numcodecs\/|zstddec|lerc$|web-worker$)/, REPLACED), land],
);

await mkdir(target, { recursive: true });
for (const name of ['index.html', 'viewer.css']) await copyFile(join(here, 'src', name), join(target, name));
const title = 'The page of the map viewer holds these packages, each under its own licence.';
// world-atlas is there by its data alone.
await writeFile(join(target, 'LICENSES.txt'), await licences(title, [...packages, 'world-atlas'].sort()));
