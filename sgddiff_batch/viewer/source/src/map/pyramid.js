/** The tiles of a mosaic's levels, as the map asks for them. */

import TileGrid from 'ol/tilegrid/TileGrid.js';

/**
 * Each level counts from the mosaic's own corner in steps of its own pixels, so that a level whose last pixel
 * reaches past the mosaic's edge is not squeezed into it.
 *
 * @param {import('../data/mosaic.js').Mosaic} mosaic
 * @param {import('../geo/plane.js').Plane} plane
 * @returns {TileGrid} Its z counts from the coarsest level: see `chunkOf`.
 */
export function tileGrid(mosaic, plane) {
  const [side, , x, , , y] = plane.transform;
  const coarseFirst = [...mosaic.levels].reverse();
  return new TileGrid({
    origin: [x, y],
    extent: extentOf(mosaic, plane),
    resolutions: coarseFirst.map((level) => side * 2 ** level.number),
    tileSizes: coarseFirst.map((level) => level.chunk),
  });
}

/**
 * @returns {{level: number, row: number, col: number, isMirrored: boolean}} The chunk that a tile shows; its rows
 *   from the last to the first where rows go up.
 */
export function chunkOf(mosaic, plane, z, x, y) {
  const isMirrored = plane.transform[4] > 0;
  return { level: mosaic.levels.length - 1 - z, row: isMirrored ? -1 - y : y, col: x, isMirrored };
}

/** @returns {number[]} [left, bottom, right, top] in the plane. */
export function extentOf(mosaic, plane) {
  const [side, , x, , down, y] = plane.transform;
  const { width, height } = mosaic.native;
  const end = y + height * down;
  return [x, Math.min(y, end), x + width * side, Math.max(y, end)];
}
