/** What stands on the map: buttons, the scale, and the panel's own button on a narrow screen. */

import { scaleOf } from '../map/scale.js';
import { byId } from './dom.js';

const ZOOM_MS = 200;

export class MapButtons {
  /** @param {import('../app.js').App} app */
  constructor(app) {
    this.app = app;
    const { map } = app.view;
    const zoom = (by) => map.getView().animate({ zoom: map.getView().getZoom() + by, duration: ZOOM_MS });
    byId('zoom-in').addEventListener('click', () => zoom(1));
    byId('zoom-out').addEventListener('click', () => zoom(-1));
    byId('fit').addEventListener('click', () => (app.open ? app.view.fit(app.open.mosaic) : app.closeMosaic()));
    byId('back').addEventListener('click', () => app.closeMosaic());
    byId('copy').addEventListener('click', () => this.#copy());
    byId('panel-toggle').addEventListener('click', ({ currentTarget }) => this.#toggle(currentTarget));
    map.on('postrender', () => this.#scale());
  }

  #scale() {
    const { map, plane } = this.app.view;
    const scale = plane && scaleOf(map, plane);
    byId('scale').hidden = !scale;
    if (!scale) return;
    byId('scale-bar').style.width = `${scale.widthPx}px`;
    byId('scale-text').textContent = scale.text;
  }

  async #copy() {
    const button = byId('copy');
    const isDone = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    button.textContent = isDone ? 'Copied' : 'Copy it from the address bar';
    setTimeout(() => (button.textContent = 'Copy link'), 2500);
  }

  #toggle(button) {
    const isOpen = document.body.classList.toggle('panel-closed') === false;
    button.setAttribute('aria-expanded', String(isOpen));
    this.app.view.map.updateSize();
  }
}
