/** Footprints of all mosaics: outlines, or dots where they would be too small to see. */

import { clippedAround } from '../geo/clip.js';
import { Drawing, holds, meets, shapeOf, trace } from './canvas_layer.js';
import { boxAround, onPlane } from './land.js';

/** Footprints smaller than this are dots. */
const DOT_PX = 7;
/** How far from a dot a click still means it. */
const NEAR_PX = 9;

export class Footprints {
  /** @param {Record<string, string>} theme */
  constructor(theme) {
    this.theme = theme;
    this.entries = [];
    this.shapes = [];
    this.shown = new Set();
    this.chosen = null;
    this.isFaint = false;
    this.layer = new Drawing((context, matrix, frame) => this.#draw(context, matrix, frame));
  }

  setTheme(theme) {
    this.theme = theme;
  }

  /** @param {import('../data/catalogue.js').Entry[]} entries */
  setEntries(entries) {
    this.entries = entries;
    this.shown = new Set(entries);
  }

  /** @param {import('../geo/plane.js').Plane} plane @param {number[]|null} centre Null: the whole globe. */
  setPlane(plane, centre) {
    const box = centre && boxAround(centre);
    this.shapes = plane.isOnGlobe ? this.entries.map((entry) => placed(entry, plane, box)) : [];
  }

  /** @param {Iterable<object>} entries Those that a filter leaves. */
  show(entries) {
    this.shown = new Set(entries);
    this.layer.changed();
  }

  /** @returns {object[]} Entries at a point of the plane, the one on top first. */
  at(x, y, resolution) {
    const near = NEAR_PX * resolution;
    const found = this.entries.filter((entry, i) => {
      const shape = this.shapes[i];
      return shape && this.shown.has(entry) && (holds(shape, x, y) || isDotAt(shape, x, y, resolution, near));
    });
    return found.reverse();
  }

  /** @returns {number[]|null} [left, bottom, right, top] of entries in the plane. */
  extentOf(entries) {
    const wanted = new Set(entries);
    const boxes = this.shapes.filter((shape, i) => shape && wanted.has(this.entries[i])).map(({ box }) => box);
    if (!boxes.length) return null;
    return boxes.reduce((a, b) => [
      ...[Math.min(a[0], b[0]), Math.min(a[1], b[1])],
      ...[Math.max(a[2], b[2]), Math.max(a[3], b[3])],
    ]);
  }

  #draw(context, matrix, frame) {
    const visible = { done: [], quarantined: [], other: [] };
    this.entries.forEach((entry, i) => {
      const shape = this.shapes[i];
      if (!shape || !this.shown.has(entry) || !meets(shape.box, frame.extent)) return;
      if (entry !== this.chosen) (visible[entry.state] ?? visible.other).push(shape);
    });
    context.globalAlpha = this.isFaint ? 0.55 : 1;
    for (const [state, shapes] of Object.entries(visible)) this.#drawAll(context, matrix, frame, shapes, state);
    context.globalAlpha = 1;
    const chosen = this.shapes[this.entries.indexOf(this.chosen)];
    if (chosen) this.#outline(context, matrix, [chosen], this.theme.chosen, 2);
  }

  #drawAll(context, matrix, frame, shapes, state) {
    const { resolution } = frame.viewState;
    const colour = this.theme[state];
    const areas = [];
    context.fillStyle = colour;
    for (const shape of shapes) {
      if (sizeOf(shape) >= DOT_PX * resolution) areas.push(shape);
      else dot(context, matrix, shape);
    }
    if (!this.isFaint) this.#fill(context, matrix, areas, colour);
    this.#outline(context, matrix, areas, colour, 1.25);
  }

  #fill(context, matrix, shapes, colour) {
    context.beginPath();
    for (const shape of shapes) trace(context, shape, matrix);
    const before = context.globalAlpha;
    context.globalAlpha = 0.14;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = before;
  }

  #outline(context, matrix, shapes, colour, width) {
    context.beginPath();
    for (const shape of shapes) trace(context, shape, matrix);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

function placed(entry, plane, box) {
  const rings = box ? entry.rings.flatMap((ring) => clippedAround(ring, box)) : entry.rings;
  return shapeOf(rings.map((ring) => onPlane(ring, plane)));
}

function sizeOf({ box }) {
  return Math.max(box[2] - box[0], box[3] - box[1]);
}

function isDotAt(shape, x, y, resolution, near) {
  if (sizeOf(shape) >= DOT_PX * resolution) return false;
  const [left, bottom, right, top] = shape.box;
  return Math.hypot(x - (left + right) / 2, y - (bottom + top) / 2) <= near;
}

function dot(context, m, { box }) {
  const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  context.fillRect(m[0] * x + m[2] * y + m[4] - 3, m[1] * x + m[3] * y + m[5] - 3, 6, 6);
}
