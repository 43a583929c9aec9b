/** Objects: what a mosaic shows, and what was seen of one of them before and after. */

import { wkbToGeojson } from 'hyparquet/src/wkb.js';
import { ringsOf } from './catalogue.js';
import { openTable, readRows } from './parquet.js';

const MEASURES = [
  ...['id', 'scene', 'store', 'time', 'state', 'parents', 'area_m2', 'pixels', 'saliency_mean', 'saliency_max'],
  ...['length_m', 'width_m', 'angle_deg', 'row', 'col', 'model_digest', 'run'],
];
const SHAPES = ['geometry_native', 'geometry'];
/** The most rows that are looked through for the objects of a mosaic. */
const MOST_ROWS = 1_000_000;

/**
 * @typedef {object} Sighting An object as one mosaic shows it; its keys are those of the file, besides:
 * @property {number[][]} rings Its outline, flat.
 * @property {boolean} isNative Whether that is in the mosaic's own CRS (or pixels), or in degrees.
 */

/**
 * @typedef {object} History
 * @property {object[]} seen All sightings of an object, the oldest first, without outlines; each with what it was
 *   `splitFrom`, and which others `tookIn` names: they became part of it in that mosaic.
 * @property {string[]} into Objects that it became part of.
 */

export class Objects {
  /** @param {import('./place.js').Place} place @param {string} path */
  constructor(place, path) {
    this.place = place;
    this.path = path;
  }

  /**
   * @param {string} store
   * @param {number[]|null} box [west, south, east, north] of the mosaic in degrees; null: not known.
   * @returns {Promise<Sighting[]>} What the mosaic shows.
   */
  async of(store, box) {
    const found = [];
    for (const rows of await this.#groups(box)) {
      const names = await readRows(await this.#table(), ['store'], rows);
      if (!names.some((row) => row.store === store)) continue;
      const all = await readRows(await this.#table(), [...MEASURES, ...SHAPES], rows);
      found.push(...all.filter((row) => row.store === store).map(sighting));
    }
    return found;
  }

  /**
   * @param {string} id
   * @param {number[]|null} box Where it lies, in degrees.
   * @returns {Promise<History>}
   */
  async history(id, box) {
    const found = [];
    for (const rows of await this.#groups(box)) {
      found.push(...(await readRows(await this.#table(), MEASURES, rows)));
    }
    return historyOf(id, found);
  }

  async #table() {
    this.table ??= openTable(this.place, this.path);
    return this.table;
  }

  /** Row groups in which there may be something within a box. */
  async #groups(box) {
    const { metadata } = await this.#table();
    let start = 0;
    const groups = metadata.row_groups.map((group) => {
      const rows = { start, end: start + Number(group.num_rows) };
      start = rows.end;
      return { rows, reach: reachOf(group) };
    });
    const near = groups.filter(({ reach }) => !box || !reach || overlaps(reach, box)).map(({ rows }) => rows);
    const count = near.reduce((sum, rows) => sum + rows.end - rows.start, 0);
    if (count > MOST_ROWS) throw new Error(`${count} objects lie around here: too many to look through`);
    return near;
  }
}

/** @param {string} id @param {object[]} rows All that may be of it. @returns {History} */
export function historyOf(id, rows) {
  const shown = new Set(rows.map((row) => `${row.id} ${row.store}`));
  // Who is named as a parent and still shown in that mosaic was split; who is not, is part of the other one.
  const isThere = (parent, { store }) => shown.has(`${parent} ${store}`);
  const own = rows.filter((row) => row.id === id).sort((a, b) => Number(a.time ?? 0) - Number(b.time ?? 0));
  const seen = own.map((row) => {
    const parents = row.parents ?? [];
    const splitFrom = parents.filter((parent) => isThere(parent, row));
    return { ...row, splitFrom, tookIn: parents.filter((parent) => !splitFrom.includes(parent)) };
  });
  const into = rows.filter((row) => row.parents?.includes(id) && !isThere(id, row)).map((row) => row.id);
  return { seen, into: [...new Set(into)] };
}

function sighting(row) {
  const shape = decoded(row.geometry_native ?? row.geometry);
  return { ...row, rings: ringsOf(shape), isNative: row.geometry_native != null };
}

/** Where a file has several CRSs, its second geometry is plain WKB. */
function decoded(shape) {
  if (!(shape instanceof Uint8Array)) return shape;
  return wkbToGeojson({ view: new DataView(shape.buffer, shape.byteOffset, shape.byteLength), offset: 0 });
}

/** @returns {number[]|null} [west, south, east, north] of a row group by its statistics; null: has none. */
function reachOf(group) {
  const edge = (name, which) => {
    const column = group.columns.find(({ meta_data: about }) => about?.path_in_schema.join('.') === `bbox.${name}`);
    return column?.meta_data?.statistics?.[which];
  };
  const reach = [edge('xmin', 'min_value'), edge('ymin', 'min_value'), edge('xmax', 'max_value'), edge('ymax', 'max_value')];
  return reach.every((value) => typeof value === 'number') ? reach : null;
}

/** Across the antimeridian (west > east) everything of the same latitudes may overlap. */
function overlaps([west, south, east, north], [left, bottom, right, top]) {
  const rows = south <= top && north >= bottom;
  return rows && (west > east || left > right || (west <= right && east >= left));
}
