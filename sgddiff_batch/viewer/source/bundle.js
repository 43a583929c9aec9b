/** One script of a page, of its sources and their packages; and the licences of what is in it. */

import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

export const here = dirname(fileURLToPath(import.meta.url));

/**
 * @param {string} entry Its first module, below this folder.
 * @param {string} outfile
 * @param {string} banner A line that says what it is.
 * @param {esbuild.Plugin[]} plugins
 * @returns {Promise<string[]>} The packages whose code is in it, sorted.
 */
export async function bundle(entry, outfile, banner, plugins) {
  const { metafile } = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    // A classic script: browsers refuse modules of pages that were opened from disk.
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
    banner: { js: `/* ${banner} */` },
    metafile: true,
    plugins,
  });
  const names = Object.entries(Object.values(metafile.outputs)[0].inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

/** @param {RegExp} filter @param {Map<string, string>} modules Ours, by the name that packages ask for. */
export function replacing(filter, modules) {
  return {
    name: 'replaced',
    setup(build) {
      build.onResolve({ filter }, ({ path }) => {
        const ours = modules.get(path);
        return ours ? { path: join(here, ours) } : undefined;
      });
    },
  };
}

/** @param {string} title @param {string[]} names @returns {Promise<string>} The licences of packages. */
export async function licences(title, names) {
  const parts = [`${title}\n`];
  for (const name of names) {
    const folder = join(here, 'node_modules', name);
    const about = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).sort().find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(join(folder, file), 'utf8') : `${about.license}, see its package.`;
    parts.push(`${'='.repeat(78)}\n${name} ${about.version}: ${about.license}\n\n${text.trim()}\n`);
  }
  return parts.join('\n');
}
