/** Layers that draw lines and areas of the plane by themselves, each on a canvas, frame by frame. */

import Layer from 'ol/layer/Layer.js';

/**
 * @typedef {object} Shape
 * @property {Float64Array[]} rings Each [x, y, x, y, ...] in the plane.
 * @property {number[]} box [left, bottom, right, top] of them.
 */

/** @typedef {number[]} Matrix [a, b, c, d, e, f] of the canvas: x = a X + c Y + e, y = b X + d Y + f. */

/** @typedef {(context: CanvasRenderingContext2D, matrix: Matrix, frame: object) => void} Draw In pixels of CSS. */

/** What is drawn on a canvas that it may share with others. */
export class Drawing {
  /** @param {Draw} draw */
  constructor(draw) {
    this.draw = draw;
    this.isVisible = true;
    this.canvas = null;
  }

  /** It has to be drawn anew. */
  changed() {
    this.canvas?.changed();
  }

  /** @param {boolean} isVisible */
  setVisible(isVisible) {
    this.isVisible = isVisible;
    this.changed();
  }
}

/**
 * One canvas for several drawings: without a GPU each canvas of the size of the window costs a part of a frame.
 *
 * @param {Drawing[]} drawings The first one lowest.
 * @returns {Layer}
 */
export function canvasLayer(drawings) {
  const canvas = document.createElement('canvas');
  // Within an element of its own: into a bare canvas OpenLayers would draw the tiles of the next layer.
  const holder = Object.assign(document.createElement('div'), { className: 'drawn' });
  holder.append(canvas);
  // Kept out of the GPU: 20,000 dots a frame are little for a CPU, and much for a GPU that is made of software.
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const layer = new Layer({
    render(frame) {
      const [width, height] = frame.size.map((side) => Math.round(side * frame.pixelRatio));
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      context.scale(frame.pixelRatio, frame.pixelRatio);
      for (const one of drawings) if (one.isVisible) one.draw(context, frame.coordinateToPixelTransform, frame);
      return holder;
    },
  });
  for (const one of drawings) one.canvas = layer;
  return layer;
}

/** @param {number[][]} rings @returns {Shape|null} Null: nothing of it is in the plane. */
export function shapeOf(rings) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const kept = rings.filter((ring) => ring.length >= 4).map((ring) => Float64Array.from(ring));
  for (const ring of kept) {
    for (let i = 0; i < ring.length; i += 2) {
      box[0] = Math.min(box[0], ring[i]);
      box[1] = Math.min(box[1], ring[i + 1]);
      box[2] = Math.max(box[2], ring[i]);
      box[3] = Math.max(box[3], ring[i + 1]);
    }
  }
  return kept.length ? { rings: kept, box } : null;
}

/** @returns {boolean} Whether two boxes of the plane meet. */
export function meets(a, b) {
  return a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
}

/** Add the rings of a shape to the path. @param {Shape} shape @param {Matrix} m */
export function trace(context, shape, m) {
  for (const ring of shape.rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const x = m[0] * ring[i] + m[2] * ring[i + 1] + m[4];
      const y = m[1] * ring[i] + m[3] * ring[i + 1] + m[5];
      if (i) context.lineTo(x, y);
      else context.moveTo(x, y);
    }
    context.closePath();
  }
}

/** @returns {boolean} Whether a point of the plane lies in a shape, holes taken out. */
export function holds(shape, x, y) {
  const [left, bottom, right, top] = shape.box;
  if (x < left || x > right || y < bottom || y > top) return false;
  let inside = false;
  for (const ring of shape.rings) {
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
      const [x1, y1, x2, y2] = [ring[i], ring[i + 1], ring[j], ring[j + 1]];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    }
  }
  return inside;
}
