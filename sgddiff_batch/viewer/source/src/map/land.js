/** Land and sea: outlines of the continents, in whatever plane the map is in. */

import rings from 'land';
import { clippedAround, densified } from '../geo/clip.js';
import { Drawing, meets, shapeOf, trace } from './canvas_layer.js';

/** Degrees to each side of a place that are worth drawing: farther away a projection may reach nowhere. */
const REACH = 12;
const LONGEST = 2;
const GLOBE = [-180, -90, 180, 90];

/** @typedef {{setPlane: (plane: object, centre: number[]|null) => void, layer: object, setTheme: Function}} Drawn */

/** @returns {Drawn} */
export function landLayer(theme) {
  let shapes = [];
  let colours = theme;
  const layer = new Drawing((context, matrix, frame) => {
    context.beginPath();
    for (const shape of shapes) if (meets(shape.box, frame.extent)) trace(context, shape, matrix);
    context.fillStyle = colours.land;
    context.fill('evenodd');
    context.lineWidth = 0.75;
    context.strokeStyle = colours.coast;
    context.stroke();
  });
  return {
    layer,
    setTheme: (now) => (colours = now),
    setPlane: (plane, centre) => (shapes = plane.isOnGlobe ? placed(plane, centre) : []),
  };
}

function placed(plane, centre) {
  const box = centre ? boxAround(centre) : GLOBE;
  const near = rings.flatMap((ring) => clippedAround(ring, box));
  return near.map((ring) => shapeOf([onPlane(densified(ring, LONGEST), plane)])).filter(Boolean);
}

/** @returns {number[]} [west, south, east, north] around a place; wider where meridians are close. */
export function boxAround([lon, lat]) {
  const wide = Math.min(90, REACH / Math.max(0.1, Math.cos((lat * Math.PI) / 180)));
  return [lon - wide, Math.max(-90, lat - REACH), lon + wide, Math.min(90, lat + REACH)];
}

/** @returns {number[]} A ring of degrees in the plane, without the points that have no place there. */
export function onPlane(ring, plane) {
  const points = [];
  for (let i = 0; i + 1 < ring.length; i += 2) {
    const point = plane.fromGlobe(ring[i], ring[i + 1]);
    if (point) points.push(point[0], point[1]);
  }
  return points;
}
