/** Outlines of objects, and the pixel that was asked for. */

import { Drawing, holds, meets, shapeOf, trace } from './canvas_layer.js';
import { onPlane } from './land.js';

export class Outlines {
  constructor(theme) {
    this.theme = theme;
    this.objects = [];
    this.chosen = null;
    this.layer = new Drawing((context, matrix, frame) => this.#draw(context, matrix, frame));
  }

  setTheme(theme) {
    this.theme = theme;
  }

  /** @param {import('../data/objects.js').Sighting[]} sightings @param {import('../geo/plane.js').Plane} plane */
  setObjects(sightings, plane) {
    this.objects = sightings.map((sighting) => ({ sighting, shape: shapeOf(ringsIn(plane, sighting)) }));
    this.objects = this.objects.filter(({ shape }) => shape);
    this.chosen = null;
    this.layer.changed();
  }

  /** @returns {import('../data/objects.js').Sighting|null} The object at a point of the plane. */
  at(x, y) {
    return this.objects.find(({ shape }) => holds(shape, x, y))?.sighting ?? null;
  }

  /** @param {string|null} id */
  choose(id) {
    this.chosen = id;
    this.layer.changed();
  }

  #draw(context, matrix, frame) {
    const visible = this.objects.filter(({ shape }) => meets(shape.box, frame.extent));
    this.#stroke(context, matrix, visible, 1.5, this.theme.object);
    const chosen = visible.filter(({ sighting }) => sighting.id === this.chosen);
    if (chosen.length) this.#stroke(context, matrix, chosen, 3.5, this.theme.object);
  }

  /** A dark line below a light one is seen on any picture. */
  #stroke(context, matrix, objects, width, colour) {
    context.beginPath();
    for (const { shape } of objects) trace(context, shape, matrix);
    context.lineJoin = 'round';
    context.strokeStyle = 'rgb(0 0 0 / 0.55)';
    context.lineWidth = width + 1.5;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}

function ringsIn(plane, { rings, isNative }) {
  if (!isNative) return plane.isOnGlobe ? rings.map((ring) => onPlane(ring, plane)) : [];
  return rings.map((ring) => {
    const points = [];
    for (let i = 0; i + 1 < ring.length; i += 2) points.push(...plane.fromCrs(ring[i], ring[i + 1]));
    return points;
  });
}
