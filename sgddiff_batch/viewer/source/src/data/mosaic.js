/** A mosaic: its levels, as its own root describes them, and their codes. */

import * as zarr from 'zarrita';
import { ChangedError, MissingError } from './place.js';

export const NO_DATA = 255;
export const MAX_CODE = 254;
const ARRAY = 'saliency';
const GRID_MAPPING = 'spatial_ref';
const ROOT = 'zarr.json';
/** So long a mosaic is believed to be there. */
const BELIEVED_MS = 5000;
/** Chunks of codes that are kept, of a quarter of a megabyte each. */
const KEPT_CHUNKS = 96;

/**
 * @typedef {object} Level
 * @property {number} number 0 is full size.
 * @property {number} height @property {number} width In pixels.
 * @property {number} chunk Side of a chunk, in pixels.
 * @property {number[]} transform [a, b, c, d, e, f]: x = a col + b row + c, y = d col + e row + f.
 */

export class Mosaic {
  /**
   * @param {string} store Its path below the output.
   * @param {object} root What its zarr.json holds.
   * @param {import('./place.js').Place} place
   */
  constructor(store, root, place) {
    const { attributes } = root;
    this.store = store;
    this.nodes = root.consolidated_metadata.metadata;
    this.levels = attributes.multiscales.layout.map((entry, number) => this.#level(entry, number));
    this.provenance = attributes.provenance ?? {};
    this.code = attributes['proj:code'] ?? null;
    this.wkt = this.nodes[`${attributes.multiscales.layout[0].asset}/${GRID_MAPPING}`]?.attributes?.crs_wkt ?? null;
    this.isComplete = attributes.complete === true;
    this.files = storeOf(place, store, this.nodes);
    this.arrays = new Map();
    this.chunks = new Map();
  }

  /** @returns {Level} That of full size. */
  get native() {
    return this.levels[0];
  }

  /**
   * @param {number} level @param {number} row @param {number} col Which chunk.
   * @returns {Promise<Uint8Array>} Its codes, row by row, whole also where it reaches past the far edges.
   */
  chunk(level, row, col) {
    const key = `${level}/${row}/${col}`;
    const kept = this.chunks.get(key) ?? this.#fetched(level, row, col);
    this.chunks.delete(key);
    this.chunks.set(key, kept);
    kept.catch(() => this.chunks.delete(key));
    if (this.chunks.size > KEPT_CHUNKS) this.chunks.delete(this.chunks.keys().next().value);
    return kept;
  }

  /** @returns {Promise<number>} The code of a pixel of full size. */
  async codeAt(row, col) {
    const side = this.native.chunk;
    const codes = await this.chunk(0, Math.floor(row / side), Math.floor(col / side));
    return codes[(row % side) * side + (col % side)];
  }

  async #fetched(level, row, col) {
    const array = await this.#array(level);
    const { data } = await array.getChunk([row, col]);
    const side = this.levels[level].chunk;
    if (data.length !== side * side) throw new Error(`${this.store}: a chunk of ${data.length} codes, not ${side}²`);
    return data;
  }

  #array(level) {
    if (!this.arrays.has(level)) {
      const place = zarr.root(this.files).resolve(`${this.levels[level].asset}/${ARRAY}`);
      this.arrays.set(level, zarr.open.v3(place, { kind: 'array' }));
    }
    return this.arrays.get(level);
  }

  #level(entry, number) {
    const node = this.nodes[`${entry.asset}/${ARRAY}`];
    const sharding = node.codecs.find((codec) => codec.name === 'sharding_indexed');
    const [height, width] = node.shape;
    const chunk = (sharding?.configuration ?? node.chunk_grid.configuration).chunk_shape[0];
    const transform = node.attributes['spatial:transform'] ?? entry['spatial:transform'];
    return { number, asset: entry.asset, height, width, chunk, transform };
  }
}

/**
 * @param {import('./place.js').Place} place The output.
 * @param {string} store
 * @returns {Promise<Mosaic>}
 * @throws {MissingError} If it is not there. @throws {Error} If its root is no mosaic's.
 */
export async function openMosaic(place, store) {
  const bytes = await place.read(`${store}/${ROOT}`);
  if (!bytes) throw new MissingError(`${store} is not there, or may not be read: the catalogue may be newer by now`);
  let root;
  try {
    root = JSON.parse(new TextDecoder().decode(bytes));
    return new Mosaic(store, root, place);
  } catch (error) {
    throw new Error(`${store}/zarr.json does not describe a mosaic (${error.message})`);
  }
}

/** What zarrita reads from: metadata out of the root, objects from the place. */
function storeOf(place, store, nodes) {
  const path = (key) => `${store}${key}`;
  const check = checking(place, store);
  return {
    async get(key) {
      if (!key.endsWith('/zarr.json')) return (await place.read(path(key))) ?? check();
      const node = nodes[key.slice(1, -'/zarr.json'.length)];
      return node && new TextEncoder().encode(JSON.stringify(node));
    },
    getRange: async (key, range) => (await place.readRange(path(key), range)) ?? check(),
  };
}

/** What is not stored has no data, unless the mosaic itself was removed meanwhile: then nobody knows. */
function checking(place, store) {
  let [asked, answer] = [-Infinity, null];
  return async () => {
    if (performance.now() - asked > BELIEVED_MS) {
      [asked, answer] = [performance.now(), place.isThere(`${store}/${ROOT}`)];
    }
    if (!(await answer)) throw new ChangedError(store);
    return undefined;
  };
}
