/** A pixel that was asked for: its value, its object, and what the output knows of how it came about. */

import { showExplained, showObject, showPixel } from './panel/facts.js';
import { byId, notice } from './panel/dom.js';
import { wordsOf } from './data/place.js';
import { applied } from './geo/affine.js';
import { pixelAt, pixelOf } from './pick.js';

export class Asked {
  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.app = app;
    this.turn = 0;
    app.view.map.on('singleclick', ({ coordinate }) => this.#at(coordinate));
    app.view.map.getTargetElement().addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.#at(app.view.map.getView().getCenter());
      if (event.key === 'Escape') app.ask(null);
    });
    byId('pixel-close').addEventListener('click', () => app.ask(null));
  }

  clear() {
    this.turn += 1;
    for (const id of ['pixel', 'object', 'explained']) byId(id).hidden = true;
    this.app.view.mark.set(null);
    this.app.view.outlines.choose(null);
  }

  /** @param {number[]|null} pixel [row, column] of the mosaic that is open, or of the one beside it. */
  async show(pixel) {
    this.clear();
    const turn = this.turn;
    const one = this.#asked(pixel);
    if (!one) return;
    const [row, col] = pixel;
    const { plane } = one;
    this.app.view.mark.set(applied(plane.transform, col + 0.5, row + 0.5), plane.transform[0]);
    try {
      const found = await pixelOf(one, row, col);
      if (turn !== this.turn) return;
      showPixel(found);
      await Promise.all([this.#object(one, row, col, turn), this.#explain(one, row, col, turn)]);
    } catch (error) {
      if (turn === this.turn) notice(`The pixel could not be read: ${error.message}`, true);
    }
  }

  /** @returns {number[]|null} [west, south, east, north] of a mosaic in degrees. */
  boxOf({ entry }) {
    const points = entry.rings.flat();
    if (!points.length) return null;
    const [lons, lats] = [points.filter((_, i) => i % 2 === 0), points.filter((_, i) => i % 2)];
    return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
  }

  #asked(pixel) {
    const { open } = this.app;
    if (!pixel || !open) return null;
    const { width, height } = open.mosaic.native;
    const [row, col] = pixel;
    return Number.isInteger(row) && Number.isInteger(col) && row >= 0 && col >= 0 && row < height && col < width ? open : null;
  }

  /** In the world a click opens what lies there; in a mosaic it asks for a pixel. */
  #at([x, y]) {
    const { open, view } = this.app;
    const pixel = open && pixelAt(open, [x, y]);
    if (pixel) return this.app.ask(pixel);
    const [entry] = view.footprints.at(x, y, view.map.getView().getResolution());
    if (entry && entry !== open?.entry) return this.app.openEntry(entry);
    return open ? this.app.ask(null) : undefined;
  }

  async #object(one, row, col, turn) {
    const { view } = this.app;
    const sighting = view.outlines.at(...applied(one.plane.transform, col + 0.5, row + 0.5));
    view.outlines.choose(sighting?.id ?? null);
    const history = sighting ? await this.#history(sighting, one) : null;
    if (turn === this.turn) showObject(sighting, history);
  }

  /** Where that cannot be read, what is known of the object here is told all the same. */
  #history(sighting, one) {
    return this.app.objects.history(sighting.id, this.boxOf(one)).catch((error) => {
      notice(`The history of the object could not be read: ${error.message}`, true);
      return { seen: [], into: [] };
    });
  }

  async #explain({ entry }, row, col, turn) {
    const { config, output } = this.app;
    if (!config.explain) return;
    const address = new URL(config.explain);
    const store = `${output.path}${entry.store}`;
    for (const [key, value] of Object.entries({ store, row, col })) address.searchParams.set(key, value);
    const answer = await fetch(address);
    const [facts, problem] = answer.ok ? [await answer.json(), ''] : [null, await wordsOf(answer)];
    if (turn === this.turn) showExplained(facts, problem);
  }
}
