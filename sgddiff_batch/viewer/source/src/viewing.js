/** What is in view, in words that do not depend on the plane: a link may be opened on another screen. */

import { applied, inverted } from './geo/affine.js';

/**
 * @param {import('./map/map_view.js').MapView} view @param {import('./opened.js').Opened|null} one
 * @returns {number[]|null} [lon, lat, degrees a screen pixel], or [column, row, its pixels a screen pixel].
 */
export function capturedView({ map, plane }, one) {
  const centre = map.getView().getCenter();
  const resolution = map.getView().getResolution();
  if (!centre || !resolution) return null;
  if (one) return [...applied(inverted(plane.transform), ...centre), resolution / plane.transform[0]];
  const globe = plane.toGlobe(...centre);
  return globe && [...globe, resolution / unitsOf(plane)];
}

/** @param {number[]|null} captured Null: leave it as it is. */
export function restoredView({ map, plane }, one, captured) {
  if (!captured || captured[2] <= 0) return;
  const [across, down, size] = captured;
  const centre = one ? applied(plane.transform, across, down) : plane.fromGlobe(across, down);
  if (!centre) return;
  map.getView().setCenter(centre);
  map.getView().setResolution(size * (one ? plane.transform[0] : unitsOf(plane)));
}

/** @returns {number[]|null} [lon, lat] of a mosaic's middle. */
export function centreOf({ mosaic, plane }) {
  const { width, height } = mosaic.native;
  return plane.isOnGlobe ? plane.toGlobe(...applied(plane.transform, width / 2, height / 2)) : null;
}

/** Units of the world's plane that a degree has at the equator. */
function unitsOf(plane) {
  return plane.projection.getUnits() === 'degrees' ? 1 : 111_319.49;
}
