/** The scale: a bar as long as a round number of metres, or of pixels where there is no globe. */

import { getDistance } from 'ol/sphere.js';

const WIDEST_PX = 110;

/**
 * @param {import('ol/Map.js').default} map @param {import('../geo/plane.js').Plane} plane
 * @returns {{widthPx: number, text: string}|null}
 */
export function scaleOf(map, plane) {
  const size = map.getSize();
  const view = map.getView();
  if (!size || !view.getCenter()) return null;
  const perPx = plane.isOnGlobe ? metresPerPx(map, plane, size) : view.getResolution() / plane.transform[0];
  if (!Number.isFinite(perPx) || perPx <= 0) return null;
  const length = roundBelow(perPx * WIDEST_PX);
  return { widthPx: length / perPx, text: plane.isOnGlobe ? metres(length) : `${length} px` };
}

function metresPerPx(map, plane, [width, height]) {
  const points = [-50, 50].map((dx) => map.getCoordinateFromPixel([width / 2 + dx, height / 2]));
  const ends = points.map((point) => point && plane.toGlobe(...point));
  return ends[0] && ends[1] ? getDistance(ends[0], ends[1]) / 100 : NaN;
}

function roundBelow(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  return [5, 2, 1].map((digit) => digit * power).find((candidate) => candidate <= length) ?? power;
}

function metres(length) {
  return length >= 1000 ? `${length / 1000} km` : `${length} m`;
}
