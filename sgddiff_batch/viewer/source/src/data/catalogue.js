/** The catalogue: one entry a mosaic. */

import { has, isAllThere, openTable, readRows } from './parquet.js';

/** What the first picture needs: all that is listed, and where it is. */
const FIRST = ['id', 'store', 'state', 'sgddiff:time_known', 'datetime', 'bbox'];
const PERIODS = ['start_datetime', 'end_datetime'];
/** What follows it, and is most of a large catalogue. */
const REST = ['geometry', 'reason', 'scene_uri', 'model_digest', 'salient_share', 'salient_km2'];

/**
 * @typedef {object} Entry What the rest of the catalogue tells is undefined until that was read.
 * @property {string} id The scene's, or the cell's and period's.
 * @property {string} store Path of the mosaic below its output.
 * @property {string} state
 * @property {string|null} [reason]
 * @property {string|null} [sceneUri]
 * @property {string|null} [model] Digest of its weights.
 * @property {Date|null} time When the scene was taken; null: not known.
 * @property {Date|null} until The end of a period.
 * @property {number|null} [share] @property {number|null} [km2] What is salient.
 * @property {number[][]} rings Of the footprint, in degrees, flat; empty: no place on the globe. Until the rest
 *   was read, of the box around it.
 */

/** A catalogue is read in two parts: of 20,000 mosaics outlines and measures are three fifths. */
export class Catalogue {
  /** @param {import('./parquet.js').Table} table @param {object[]} rows The first part, in the order of the file. */
  constructor(table, rows) {
    this.table = table;
    this.inFile = rows.map(entryOf);
    /** @type {Entry[]} The newest last, so that it is drawn above the others. */
    this.entries = [...this.inFile].sort((a, b) => instant(a) - instant(b) || (a.store < b.store ? -1 : 1));
    this.isWhole = false;
  }

  /** Read what follows the first picture into the entries. */
  async readRest() {
    const rows = await readRows(this.table, REST);
    this.inFile.forEach((entry, i) => Object.assign(entry, restOf(rows[i])));
    this.isWhole = true;
  }
}

/**
 * @param {import('./place.js').Place} place
 * @param {string} path
 * @returns {Promise<Catalogue>} Whole at once where that costs nothing: of a small file.
 */
export async function readCatalogue(place, path) {
  const table = await openTable(place, path);
  // An instant is its own start and end.
  const times = isAllThere(table, 'datetime') ? [] : PERIODS;
  const catalogue = new Catalogue(table, await readRows(table, [...FIRST, ...times]));
  if (table.isInMemory || !has(table, 'bbox')) await catalogue.readRest();
  return catalogue;
}

/** @param {Entry} entry @returns {number} Milliseconds; entries without a time are the oldest. */
export function instant(entry) {
  return entry.time ? entry.time.getTime() : Number.MIN_SAFE_INTEGER;
}

function entryOf(row) {
  const isKnown = row['sgddiff:time_known'] ?? row.datetime != null;
  const [start, end] = [row.start_datetime ?? row.datetime, row.end_datetime];
  return {
    id: row.id,
    store: row.store,
    state: row.state,
    time: isKnown ? (start ?? null) : null,
    until: isKnown && start && end && end > start ? end : null,
    rings: ringsAround(row.bbox),
  };
}

function restOf(row) {
  return {
    reason: row.reason ?? null,
    sceneUri: row.scene_uri ?? null,
    model: row.model_digest ?? null,
    share: row.salient_share ?? null,
    km2: row.salient_km2 ?? null,
    rings: ringsOf(row.geometry),
  };
}

/** @param {object|null} box Across the antimeridian its west is east of its east. @returns {number[][]} */
function ringsAround(box) {
  if (box?.xmin == null) return [];
  const { xmin: west, ymin: south, xmax: east, ymax: north } = box;
  const spans = west > east ? [[west, 180], [-180, east]] : [[west, east]];
  return spans.map(([left, right]) => [left, south, right, south, right, north, left, north, left, south]);
}

/** @param {object|null} geometry GeoJSON. @returns {number[][]} Rings, each [x, y, x, y, ...]. */
export function ringsOf(geometry) {
  if (!geometry) return [];
  if (geometry.type === 'Polygon') return geometry.coordinates.map((ring) => ring.flatMap(([x, y]) => [x, y]));
  if (geometry.type === 'MultiPolygon') {
    return geometry.coordinates.flatMap((polygon) => polygon.map((ring) => ring.flatMap(([x, y]) => [x, y])));
  }
  return (geometry.geometries ?? []).flatMap(ringsOf);
}
