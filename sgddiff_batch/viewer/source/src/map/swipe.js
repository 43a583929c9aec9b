/** The line between what is left and what is right of it: layers are cut there, and it can be moved. */

import { getRenderPixel } from 'ol/render.js';

const STEP = 0.02;

export class Swipe {
  /**
   * @param {HTMLElement} handle With the role of a slider, above the map.
   * @param {import('ol/Map.js').default} map
   * @param {(split: number) => void} moved Told where the line is, 0 (left) to 1.
   */
  constructor(handle, map, moved) {
    this.handle = handle;
    this.map = map;
    this.moved = moved;
    this.split = 0.5;
    this.isOn = false;
    handle.addEventListener('pointerdown', (event) => this.#drag(event));
    handle.addEventListener('keydown', (event) => this.#press(event));
    this.set(0.5, false);
  }

  /** @param {number} split @param {boolean} isOn */
  set(split, isOn) {
    this.split = Math.min(1, Math.max(0, split));
    this.isOn = isOn;
    this.handle.hidden = !isOn;
    this.handle.style.left = `${100 * this.split}%`;
    this.handle.setAttribute('aria-valuenow', String(Math.round(100 * this.split)));
    this.map.render();
  }

  /** @param {import('ol/layer/Layer.js').default} layer @param {() => 'left'|'right'|null} side Null: not cut. */
  cut(layer, side) {
    layer.on('prerender', (event) => {
      const context = event.context;
      context.save();
      if (this.isOn && side()) this.#clip(event, side());
    });
    layer.on('postrender', ({ context }) => context.restore());
  }

  #clip(event, side) {
    const [width, height] = this.map.getSize();
    const middle = width * this.split;
    const [left, right] = side === 'left' ? [0, middle] : [middle, width];
    const corners = [[left, 0], [right, 0], [right, height], [left, height]];
    const { context } = event;
    context.beginPath();
    corners.map((corner) => getRenderPixel(event, corner)).forEach((corner, i) => {
      if (i) context.lineTo(...corner);
      else context.moveTo(...corner);
    });
    context.closePath();
    context.clip();
  }

  #drag(event) {
    event.preventDefault();
    this.handle.focus();
    this.handle.setPointerCapture(event.pointerId);
    const move = ({ clientX }) => {
      const { left, width } = this.map.getTargetElement().getBoundingClientRect();
      this.#to((clientX - left) / width);
    };
    this.handle.addEventListener('pointermove', move);
    this.handle.addEventListener('pointerup', () => this.handle.removeEventListener('pointermove', move), { once: true });
  }

  #press(event) {
    const steps = { ArrowLeft: -STEP, ArrowRight: STEP, PageDown: -5 * STEP, PageUp: 5 * STEP, Home: -1, End: 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.#to(this.split + steps[event.key]);
  }

  #to(split) {
    this.set(split, this.isOn);
    this.moved(this.split);
  }
}
