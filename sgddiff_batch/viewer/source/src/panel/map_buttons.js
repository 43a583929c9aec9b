/** What stands on the map: buttons, the scale, the panel's own button, and whether all of it is there yet. */

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
    this.under = 0;
    map.on('loadstart', () => this.#busy(true));
    map.on('rendercomplete', () => this.#busy(this.under > 0));
  }

  /** Something is being opened. */
  begin() {
    this.under += 1;
    this.#busy(true);
  }

  /** It is, or failed; the map is complete once it has drawn it. */
  end() {
    this.under -= 1;
    this.app.view.map.render();
  }

  #busy(isBusy) {
    this.app.view.map.getTargetElement().setAttribute('aria-busy', String(isBusy));
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
