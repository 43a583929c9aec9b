/** What is known of a pixel. */

import { NO_DATA } from './data/mosaic.js';
import { applied, inverted } from './geo/affine.js';

/**
 * @typedef {object} Pixel
 * @property {object} entry @property {object} mosaic
 * @property {number} row @property {number} col @property {number} code @property {boolean} isData
 * @property {number[]} xy Its centre in the mosaic's CRS. @property {number[]|null} globe [lon, lat] of it.
 * @property {string} tile The tiles of the network that it was computed in, where the settings tell.
 */

/** @returns {number[]|null} [row, column] of the mosaic's pixel at a point of its plane; null: it has none there. */
export function pixelAt(opened, [x, y]) {
  const [col, row] = applied(inverted(opened.plane.transform), x, y).map(Math.floor);
  const { width, height } = opened.mosaic.native;
  return row >= 0 && col >= 0 && row < height && col < width ? [row, col] : null;
}

/** @returns {Promise<Pixel>} */
export async function pixelOf({ entry, mosaic, plane }, row, col) {
  const code = await mosaic.codeAt(row, col);
  const xy = applied(mosaic.native.transform, col + 0.5, row + 0.5);
  const globe = plane.isOnGlobe ? plane.toGlobe(...applied(plane.transform, col + 0.5, row + 0.5)) : null;
  return { entry, mosaic, row, col, code, isData: code !== NO_DATA, xy, globe, tile: tileText(mosaic, row, col) };
}

/** Tile k of an axis starts at k strides, and the last one covers the rest. */
function tileText({ provenance, native }, row, col) {
  const { tile_px: tile, overlap_px: overlap } = provenance.pixel_settings ?? {};
  if (!tile || overlap === undefined || tile <= overlap) return '';
  const along = (at, length) => {
    const stride = tile - overlap;
    const last = Math.max(1, Math.ceil((length - overlap) / stride)) - 1;
    const newest = Math.min(last, Math.floor(at / stride));
    return newest > 0 && at < (newest - 1) * stride + tile ? `${newest - 1}-${newest}` : String(newest);
  };
  return `row ${along(row, native.height)}, column ${along(col, native.width)} of the lattice of ${tile} px`;
}
