/**
 * Planes: what the map is drawn in.
 *
 * A mosaic is shown in the plane of its own CRS, so that its pixels are squares along the axes and nothing is
 * resampled. Where they are not (rotated grids, pixels that are no squares), the plane is turned and stretched
 * with them, and the view is turned back, so that north is up.
 */

import Projection from 'ol/proj/Projection.js';
import { addCoordinateTransforms, fromLonLat, get as projectionOf, toLonLat } from 'ol/proj.js';
import { applied, inverted, isMirrored, isUpright } from './affine.js';
import { crsLink } from './crs.js';

/**
 * @typedef {object} Plane
 * @property {Projection} projection
 * @property {boolean} isOnGlobe
 * @property {(x: number, y: number) => number[]|null} toGlobe [lon, lat] in degrees.
 * @property {(lon: number, lat: number) => number[]|null} fromGlobe [x, y]; null: it has no place here.
 * @property {(x: number, y: number) => number[]} fromCrs From coordinates of the mosaic's CRS, or its pixels.
 * @property {number} rotation Of the view, in radians, for north to be up.
 * @property {number} middle Longitude around which degrees are written, or 0.
 * @property {number[]} transform From pixels of the mosaic to the plane: [s, 0, x, 0, -s, y], or with s in
 *   place of -s where rows go up.
 */

const planes = new Map();

/** @param {boolean} mercator @returns {Plane} The plane of all mosaics together. */
export function worldPlane(mercator) {
  const projection = projectionOf(mercator ? 'EPSG:3857' : 'EPSG:4326');
  const toGlobe = (x, y) => (mercator ? toLonLat([x, y]) : [x, y]);
  const fromGlobe = (lon, lat) => (mercator ? finite(fromLonLat([lon, Math.max(-85, Math.min(85, lat))])) : [lon, lat]);
  const fromCrs = (x, y) => [x, y];
  return { projection, isOnGlobe: true, toGlobe, fromGlobe, fromCrs, rotation: 0, middle: 0, transform: [1, 0, 0, 0, -1, 0] };
}

/** @param {import('../data/mosaic.js').Mosaic} mosaic @returns {Plane} Equal for mosaics that can share one. */
export function planeOf(mosaic) {
  const { transform, width, height } = mosaic.native;
  const crs = mosaic.wkt ?? mosaic.code;
  const isTurned = !isUpright(transform) || (!crs && isMirrored(transform));
  const middle = applied(transform, width / 2, height / 2);
  const key = JSON.stringify([crs ?? mosaic.store, isTurned && transform, Math.round(middle[0] / 360)]);
  if (!planes.has(key)) planes.set(key, made(`plane:${planes.size}`, mosaic, middle, isTurned));
  return { ...planes.get(key), transform: isTurned ? drawn(transform, crs) : transform };
}

/** Without a CRS rows go down, as in any picture. */
function drawn(transform, crs) {
  const side = sideOf(transform);
  return [side, 0, 0, 0, crs && isMirrored(transform) ? side : -side, 0];
}

function made(code, mosaic, middle, isTurned) {
  const { transform } = mosaic.native;
  const link = crsLink(mosaic.code, mosaic.wkt);
  const toCrs = isTurned ? turned(transform, drawn(transform, mosaic.wkt ?? mosaic.code)) : IDENTITY;
  const fromCrs = inverted(toCrs);
  const units = link?.isDegrees ? 'degrees' : 'm';
  const projection = new Projection({ code, units, metersPerUnit: link?.metresPerUnit ?? 1 });
  const plane = {
    projection,
    isOnGlobe: Boolean(link && finite(link.toGlobe(...middle))),
    toGlobe: (x, y) => link && finite(link.toGlobe(...applied(toCrs, x, y))),
    fromGlobe: (lon, lat) => link && finite(placed(link, fromCrs, lon, lat, middle[0])),
    fromCrs: (x, y) => applied(fromCrs, x, y),
    rotation: link ? northOf(fromCrs) : 0,
    middle: link?.isDegrees ? middle[0] : 0,
  };
  if (plane.isOnGlobe) join(plane);
  return plane;
}

const IDENTITY = [1, 0, 0, 0, 1, 0];

/** From the plane to the CRS: back to pixels, and from there by the mosaic's own transform. */
function turned([a, b, c, d, e, f], [side, , , , down]) {
  return [a / side, b / down, c, d / side, e / down, f];
}

function sideOf([a, b, , d, e]) {
  return Math.sqrt(Math.abs(a * e - b * d));
}

/** Degrees are written around the mosaic's own, which may lie past 180. */
function placed(link, fromCrs, lon, lat, middle) {
  const near = link.isDegrees ? lon + 360 * Math.round((middle - lon) / 360) : lon;
  return applied(fromCrs, ...link.fromGlobe(near, lat));
}

/** @returns {number} What turns the direction of the CRS's north upwards. */
function northOf([, b, , , e]) {
  return -Math.atan2(b, e);
}

/** Make the plane known to OpenLayers, for a basemap and for mosaics of other planes. */
function join(plane) {
  const there = ([x, y]) => plane.fromGlobe(x, y) ?? [NaN, NaN];
  const back = ([x, y]) => plane.toGlobe(x, y) ?? [NaN, NaN];
  addCoordinateTransforms('EPSG:4326', plane.projection, there, back);
  addCoordinateTransforms('EPSG:3857', plane.projection, (xy) => there(toLonLat(xy)), (xy) => fromLonLat(back(xy)));
  for (const other of planes.values()) {
    if (!other.isOnGlobe) continue;
    const across = (from, to) => (xy) => {
      const globe = from.toGlobe(...xy);
      return (globe && to.fromGlobe(...globe)) ?? [NaN, NaN];
    };
    addCoordinateTransforms(other.projection, plane.projection, across(other, plane), across(plane, other));
  }
}

function finite(point) {
  return point && Number.isFinite(point[0]) && Number.isFinite(point[1]) ? point : null;
}
