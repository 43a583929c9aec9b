/** A frame around the pixel that was asked for. */

import { Drawing, shapeOf, trace } from './canvas_layer.js';

/** A pixel that is smaller on the screen gets a frame of this size around it. */
const LEAST_PX = 10;

export class Mark {
  constructor(theme) {
    this.theme = theme;
    this.middle = null;
    this.layer = new Drawing((context, matrix) => this.#draw(context, matrix));
  }

  setTheme(theme) {
    this.theme = theme;
  }

  /** @param {number[]|null} middle Of the pixel, in the plane. @param {number} [side] */
  set(middle, side = 1) {
    this.middle = middle;
    this.side = side;
    this.layer.changed();
  }

  #draw(context, m) {
    if (!this.middle) return;
    const [x, y] = this.middle;
    const half = Math.max(this.side / 2, LEAST_PX / 2 / Math.hypot(m[0], m[1]));
    const ring = [x - half, y - half, x + half, y - half, x + half, y + half, x - half, y + half];
    for (const [width, colour] of [[4, 'rgb(0 0 0 / 0.6)'], [2, this.theme.chosen]]) {
      context.beginPath();
      trace(context, shapeOf([ring]), m);
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
  }
}
