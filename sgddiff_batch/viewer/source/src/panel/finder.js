/** The search: a form of filters, how many mosaics they leave, and a list of these. */

import { filtered } from '../filter.js';
import { counted, percentText, whenText } from '../words.js';
import { byId, element } from './dom.js';

/** Entries in the list; a filter brings up the others. */
const LISTED = 100;
/** As the style sheet has it: there a summary folds the filters, where it is wide there is none. */
const NARROW = '(max-width: 700px)';

export class Finder {
  /**
   * @param {object} told
   * @param {(found: object[]) => void} told.changed @param {(entry: object) => void} told.chosen
   * @param {(name: string) => void} told.areaChosen
   */
  constructor(told) {
    this.told = told;
    this.entries = [];
    this.found = [];
    this.form = byId('filters');
    this.form.addEventListener('input', () => this.#changed());
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('reset', () => setTimeout(() => this.#changed()));
    matchMedia(NARROW).addEventListener('change', () => this.#fold());
    byId('area').addEventListener('change', ({ target }) => told.areaChosen(target.value));
    byId('list').addEventListener('click', ({ target }) => {
      const button = target.closest('button');
      if (button) told.chosen(this.found[Number(button.dataset.place)]);
    });
  }

  /** @param {{name: string}[]} outputs */
  setAreas(outputs) {
    const words = (name) => (name ? `area ${name}` : 'single scenes');
    byId('area').replaceChildren(...outputs.map(({ name }) => element('option', { value: name }, words(name))));
    byId('area-row').hidden = outputs.length < 2;
  }

  /** @param {import('../data/catalogue.js').Entry[]} entries @param {import('../filter.js').Filter} filter */
  setEntries(entries, filter, area) {
    this.entries = entries;
    byId('area').value = area;
    const states = [...new Set(entries.map(({ state }) => state))].sort();
    const options = states.map((state) => element('option', { value: state }, state));
    byId('state').replaceChildren(element('option', { value: '' }, 'any'), ...options);
    for (const [name, value] of Object.entries(filter)) this.form.elements[name].value = String(value);
    this.#fold();
    this.#changed(false);
  }

  /** On a phone the list is what there is room for, unless it is one of several, or filtered: then by what. */
  #fold() {
    const isUsed = Object.values(this.filter).some(Boolean) || !byId('area-row').hidden;
    byId('filters-fold').open = !matchMedia(NARROW).matches || isUsed;
  }

  /** @returns {import('../filter.js').Filter} */
  get filter() {
    const { text, from, to, state, leastPercent } = this.form.elements;
    const percent = Number(leastPercent.value) || 0;
    return { text: text.value, from: from.value, to: to.value, state: state.value, leastPercent: percent };
  }

  /** @param {object|null} entry The mosaic that is open. */
  mark(entry) {
    this.open = entry;
    for (const button of byId('list').querySelectorAll('button')) {
      button.setAttribute('aria-current', String(this.found[Number(button.dataset.place)] === entry));
    }
  }

  /** More is known of the entries: list them anew, and keep the place of who is in the list by keys. */
  again() {
    const place = document.activeElement?.closest('#list button')?.dataset.place;
    this.#changed(false);
    if (place !== undefined) byId('list').querySelector(`[data-place="${place}"]`)?.focus({ preventScroll: true });
  }

  #changed(isByHand = true) {
    this.found = filtered(this.entries, this.filter).reverse();
    const all = this.entries.length;
    const count = this.found.length === all ? counted(all, 'mosaic') : `${this.found.length.toLocaleString('en')} of ${counted(all, 'mosaic')}`;
    byId('count').textContent = count;
    byId('list').replaceChildren(...this.found.slice(0, LISTED).map((entry, place) => row(entry, place)));
    byId('more').hidden = this.found.length <= LISTED;
    byId('more').textContent = `The newest ${LISTED} are listed; a filter brings up others.`;
    this.mark(this.open);
    this.told.changed(this.found, isByHand);
  }
}

function row(entry, place) {
  const facts = [whenText(entry), percentText(entry.share) && `${percentText(entry.share)} salient`];
  if (entry.state !== 'done') facts.push(entry.state);
  const about = element('span', { className: 'about' }, facts.filter(Boolean).join(' · '));
  const button = element('button', { type: 'button' }, element('span', { className: 'name' }, entry.id), about);
  button.dataset.place = String(place);
  return element('li', {}, button);
}
