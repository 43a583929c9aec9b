/** The catalogue: one entry a mosaic. */

import { openTable, readRows } from './parquet.js';

const COLUMNS = [
  ...['id', 'geometry', 'datetime', 'start_datetime', 'end_datetime', 'sgddiff:time_known', 'state', 'reason'],
  ...['scene_uri', 'model_digest', 'salient_share', 'salient_km2', 'store'],
];

/**
 * @typedef {object} Entry
 * @property {string} id The scene's, or the cell's and period's.
 * @property {string} store Path of the mosaic below its output.
 * @property {string} state
 * @property {string|null} reason
 * @property {string|null} sceneUri
 * @property {string|null} model Digest of its weights.
 * @property {Date|null} time When the scene was taken; null: not known.
 * @property {Date|null} until The end of a period.
 * @property {number|null} share @property {number|null} km2 What is salient.
 * @property {number[][]} rings Of the footprint, in degrees, flat; empty: no place on the globe.
 */

/**
 * @param {import('./place.js').Place} place
 * @param {string} path
 * @returns {Promise<Entry[]>} The newest last, so that it is drawn above the others.
 */
export async function readCatalogue(place, path) {
  const rows = await readRows(await openTable(place, path), COLUMNS);
  return rows.map(entryOf).sort((a, b) => instant(a) - instant(b) || (a.store < b.store ? -1 : 1));
}

/** @param {Entry} entry @returns {number} Milliseconds; entries without a time are the oldest. */
export function instant(entry) {
  return entry.time ? entry.time.getTime() : Number.MIN_SAFE_INTEGER;
}

function entryOf(row) {
  const isKnown = row['sgddiff:time_known'] ?? row.datetime != null;
  const [start, end] = [row.start_datetime, row.end_datetime];
  const isPeriod = start && end && end > start;
  return {
    id: row.id,
    store: row.store,
    state: row.state,
    reason: row.reason ?? null,
    sceneUri: row.scene_uri ?? null,
    model: row.model_digest ?? null,
    time: isKnown ? (start ?? row.datetime ?? null) : null,
    until: isKnown && isPeriod ? end : null,
    share: row.salient_share ?? null,
    km2: row.salient_km2 ?? null,
    rings: ringsOf(row.geometry),
  };
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
