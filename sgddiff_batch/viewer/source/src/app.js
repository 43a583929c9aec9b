/** The page as a whole: what is open, what is looked for, and the link that tells both. */

import { lookUpTable } from './colours.js';
import { readCatalogue } from './data/catalogue.js';
import { Objects } from './data/objects.js';
import { worldPlane } from './geo/plane.js';
import { linkOf, startState, stateOf } from './link.js';
import { MapView } from './map/map_view.js';
import { Swipe } from './map/swipe.js';
import { byId, notice } from './panel/dom.js';
import { showMosaic } from './panel/facts.js';
import { Finder } from './panel/finder.js';
import { Look } from './panel/look.js';
import { MapButtons } from './panel/map_buttons.js';
import { Asked } from './asked.js';
import { opened, sceneLayer } from './opened.js';
import { readRest } from './rest.js';
import { capturedView, centreOf, restoredView } from './viewing.js';

export class App {
  /** @param {import('./config.js').Config} config */
  constructor(config) {
    this.config = config;
    this.state = startState();
    Object.assign(this, { open: null, other: null, catalogue: null, turn: 0 });
    this.view = new MapView(byId('map'), config.basemap);
    this.swipe = new Swipe(byId('divider'), this.view.map, (split) => this.#keep({ split }));
    this.finder = new Finder({
      changed: (found, isByHand) => this.#filtered(found, isByHand),
      chosen: (entry) => this.openEntry(entry),
      areaChosen: (area) => this.#follow({ ...startState(), area }),
    });
    this.look = new Look((change) => this.#changeLook(change));
    this.asked = new Asked(this);
    this.buttons = new MapButtons(this);
    byId('title').textContent = config.title;
    document.title = config.title;
    byId('attribution').textContent = config.basemap?.attribution ?? '';
    byId('attribution').hidden = !config.basemap;
    this.finder.setAreas(config.outputs);
  }

  /** Show what the address says, from now on. */
  async start() {
    addEventListener('hashchange', () => {
      if (location.hash.slice(1) !== linkOf(this.state)) this.#follow(stateOf(location.hash));
    });
    this.view.map.on('moveend', () => this.#moved());
    await this.#follow(stateOf(location.hash));
  }

  /** @returns {import('./data/catalogue.js').Entry[]} */
  get entries() {
    return this.catalogue.entries;
  }

  /** @returns {import('./config.js').Output} */
  get output() {
    return this.config.outputs.find(({ name }) => name === this.state.area) ?? this.config.outputs[0];
  }

  /** @param {object} entry Of the catalogue: open it, all of it in view. */
  openEntry(entry) {
    const swipe = this.state.swipe === 'dates' ? '' : this.state.swipe;
    return this.#go({ mosaic: entry.store, other: null, view: null, pixel: null, swipe });
  }

  /** Back to all mosaics. */
  closeMosaic() {
    return this.#go({ mosaic: null, other: null, view: null, pixel: null });
  }

  /** Ask for a pixel of the mosaic that is open. @param {number[]|null} pixel [row, column] */
  ask(pixel) {
    this.#keep({ pixel });
    return this.asked.show(pixel);
  }

  /** A step of the browser's history, so that its way back leads back. */
  #go(change) {
    const state = { ...this.state, ...change };
    history.pushState(null, '', `#${linkOf(state)}`);
    return this.#follow(state);
  }

  /** Make everything as a state says. The last one that was asked for is the one that stays. */
  async #follow(state) {
    const turn = (this.turn += 1);
    this.buttons.begin();
    const isNew = !this.catalogue || this.catalogueOf !== state.area;
    this.state = state;
    try {
      if (isNew) await this.#readCatalogue(turn);
      if (turn !== this.turn) return;
      this.finder.setEntries(this.entries, state.filter, this.output.name);
      if (state.mosaic) await this.#showMosaic(turn);
      else this.#showWorld();
    } catch (error) {
      if (turn === this.turn) this.#failed(error);
    } finally {
      this.buttons.end();
    }
    if (turn === this.turn && this.catalogue) readRest(this, this.catalogue);
  }

  async #readCatalogue(turn) {
    const { place, catalogue, objects } = this.output;
    notice('Reading the catalogue…');
    const found = await readCatalogue(place, catalogue);
    if (turn !== this.turn) return;
    notice('');
    this.catalogue = found;
    this.objects = objects ? new Objects(place, objects) : null;
    this.catalogueOf = this.state.area;
    this.view.footprints.setEntries(this.entries);
  }

  /** Tell of the mosaic that is open what the catalogue knows by now. */
  tellOfOpen() {
    const { entry, mosaic } = this.open;
    showMosaic(entry, mosaic);
    this.look.setOthers(this.#othersOf(entry));
    this.look.show(this.state);
  }

  #failed(error) {
    notice(error.message, true);
    if (this.open) this.#keep({ mosaic: this.open.entry.store, view: capturedView(this.view, this.open) });
    else if (this.catalogue) this.#showWorld();
  }

  #showWorld() {
    this.#close();
    document.body.dataset.mode = 'world';
    this.view.setPlane(worldPlane(Boolean(this.config.basemap)), null);
    const { footprints } = this.view;
    this.view.viewWorld(footprints.extentOf(this.finder.found.length ? this.finder.found : this.entries));
    footprints.isFaint = false;
    restoredView(this.view, null, this.state.view);
    this.state.mosaic = null;
    this.#share();
  }

  #close() {
    this.open = null;
    this.other = null;
    for (const name of ['scene', 'otherScene', 'saliency', 'otherSaliency']) this.view.put(name, null);
    this.view.footprints.chosen = null;
    this.view.outlines.setObjects([], null);
    this.asked.clear();
    this.swipe.set(this.swipe.split, false);
    this.finder.mark(null);
  }

  async #showMosaic(turn) {
    const entry = this.#entryOf(this.state.mosaic);
    const isNew = this.open?.entry !== entry;
    if (isNew) await this.#openAnew(entry, turn);
    if (turn !== this.turn) return;
    notice('');
    restoredView(this.view, this.open, this.state.view);
    this.#applyLook();
    const waits = isNew ? [this.#showScene('scene', this.open, turn), this.#showObjects(turn)] : [];
    await Promise.all([...waits, this.#showOther(turn)]);
    if (turn !== this.turn) return;
    await this.asked.show(this.state.pixel);
    this.#share();
  }

  async #openAnew(entry, turn) {
    const one = await opened(entry, this.output.place, this.#table(), (error) => this.#complain(error));
    if (turn !== this.turn) return;
    this.#close();
    this.open = one;
    document.body.dataset.mode = 'mosaic';
    this.view.setPlane(one.plane, centreOf(one));
    Object.assign(this.view.footprints, { chosen: entry, isFaint: true });
    this.view.viewMosaic(one.mosaic);
    this.#lay('saliency', one.layer, () => this.#sideOfSaliency());
    this.finder.mark(entry);
    this.tellOfOpen();
  }

  #sideOfSaliency() {
    return { scene: 'right', dates: 'left' }[this.state.swipe] ?? null;
  }

  #entryOf(store) {
    const found = this.entries.find((entry) => entry.store === store);
    if (!found) throw new Error(`the catalogue has no mosaic ${store}: a newer one may have taken its place`);
    return found;
  }

  /** Other mosaics whose footprints hold the middle of this one. */
  #othersOf(entry) {
    const { footprints } = this.view;
    const extent = footprints.extentOf([entry]);
    if (!extent) return [];
    const around = footprints.at((extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2, 0);
    return around.filter((one) => one !== entry);
  }

  #lay(name, layer, side) {
    this.swipe.cut(layer, side);
    this.view.put(name, layer);
  }

  async #showScene(name, one, turn) {
    const isFirst = name === 'scene';
    if (isFirst) this.look.setScene(false, '');
    try {
      const layer = await sceneLayer(one, this.config, () => this.look.setScene(true, 'zoom in: it has no overviews'));
      if (turn !== this.turn) return;
      this.#lay(name, layer, () => (this.state.swipe === 'dates' ? (isFirst ? 'left' : 'right') : null));
      if (isFirst) this.look.setScene(true, '');
      this.#applyLook();
    } catch (error) {
      if (isFirst && turn === this.turn) this.look.setScene(false, error.message);
    }
  }

  async #showObjects(turn) {
    this.look.setObjects(null);
    if (!this.objects) return;
    try {
      const found = await this.objects.of(this.open.entry.store, this.asked.boxOf(this.open));
      if (turn !== this.turn) return;
      this.view.outlines.setObjects(found, this.open.plane);
      this.look.setObjects(found.length);
    } catch (error) {
      this.#complain(error);
    }
  }

  async #showOther(turn) {
    if (this.other && this.other.entry.store === this.state.other) return;
    this.other = null;
    for (const name of ['otherScene', 'otherSaliency']) this.view.put(name, null);
    if (!this.state.other) return;
    const one = await opened(this.#entryOf(this.state.other), this.output.place, this.#table(), (error) => this.#complain(error));
    if (turn !== this.turn) return;
    this.other = one;
    this.#lay('otherSaliency', one.layer, () => 'right');
    this.#applyLook();
    await this.#showScene('otherScene', one, turn);
  }

  #changeLook(change) {
    this.#keep(change);
    this.#applyLook();
    if ('other' in change) this.#showOther(this.turn).catch((error) => this.#complain(error));
  }

  #table() {
    return lookUpTable(this.state.colours, this.state.threshold);
  }

  #applyLook() {
    const { state } = this;
    if (state.swipe === 'dates' && !state.other) state.swipe = '';
    this.look.show(state);
    for (const one of [this.open, this.other]) {
      one?.painter.repaint(this.#table());
      one?.layer.setOpacity(state.opacity);
    }
    for (const name of ['otherScene', 'otherSaliency']) this.view.setVisible(name, state.swipe === 'dates');
    this.view.setVisible('scene', state.scene);
    if (!state.scene) this.view.setVisible('otherScene', false);
    this.view.outlines.layer.setVisible(state.objects);
    this.swipe.set(state.split, state.swipe !== '');
    this.view.map.render();
  }

  #filtered(found, isByHand) {
    this.view.footprints.show(found);
    if (isByHand) this.#keep({ filter: this.finder.filter });
  }

  #moved() {
    // While a mosaic is being opened the map still shows what was there before.
    if ((this.open?.entry.store ?? null) !== this.state.mosaic) return;
    this.#keep({ view: capturedView(this.view, this.open) });
  }

  #complain(error) {
    notice(`Something could not be read: ${error.message}`, true);
  }

  #keep(change) {
    Object.assign(this.state, change);
    this.#share();
  }

  /** The address tells the state, without a step of the browser's history for each. */
  #share() {
    history.replaceState(null, '', `#${linkOf(this.state)}`);
  }
}
