/**
 * Build the page: `node build.js [FOLDER]`, by default into ../page, which is part of the repository.
 *
 * Equal sources and an equal lock file make equal bytes: nothing here knows the time or the folder.
 */

import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { landRings } from './land.js';

const here = dirname(fileURLToPath(import.meta.url));
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

const replaced = {
  name: 'replaced',
  setup(build) {
    build.onResolve({ filter: /^(numcodecs\/|zstddec|lerc$|web-worker$)/ }, ({ path }) => {
      const ours = REPLACED.get(path);
      return ours ? { path: join(here, ours) } : undefined;
    });
  },
};

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

const result = await esbuild.build({
  absWorkingDir: here,
  entryPoints: ['src/main.js'],
  outfile: join(target, 'viewer.js'),
  bundle: true,
  minify: true,
  // A classic script: browsers refuse modules of pages that were opened from disk.
  format: 'iife',
  target: 'es2022',
  legalComments: 'none',
  banner: { js: '/* The map viewer of sgddiff_batch; what it is made of: LICENSES.txt */' },
  metafile: true,
  plugins: [replaced, land],
});

await mkdir(target, { recursive: true });
for (const name of ['index.html', 'viewer.css']) await copyFile(join(here, 'src', name), join(target, name));
await writeFile(join(target, 'LICENSES.txt'), await licences(packagesIn(result.metafile)));

/** @returns {string[]} The packages whose code is in the bundle, and the one whose data is. */
function packagesIn(metafile) {
  const output = Object.values(metafile.outputs)[0];
  const names = Object.entries(output.inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1]);
  return [...new Set([...names.filter(Boolean), 'world-atlas'])].sort();
}

async function licences(names) {
  const parts = ['The page of the map viewer holds these packages, each under its own licence.\n'];
  for (const name of names) {
    const folder = join(here, 'node_modules', name);
    const about = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).sort().find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(join(folder, file), 'utf8') : `${about.license}, see its package.`;
    parts.push(`${'='.repeat(78)}\n${name} ${about.version}: ${about.license}\n\n${text.trim()}\n`);
  }
  return parts.join('\n');
}
