/** The state of the page as the part of its address behind "#", and back. */

/**
 * @typedef {object} State
 * @property {string} area Name of the area whose mosaics are shown; empty: those of scenes.
 * @property {string|null} mosaic @property {string|null} other Paths of the stores that are open.
 * @property {number[]|null} view In the world [lon, lat, degrees a screen pixel]; in a mosaic [column, row,
 *   its pixels a screen pixel].
 * @property {number[]|null} pixel [row, column] that was asked for.
 * @property {number} threshold The least code that is shown. @property {number} opacity 0 to 1.
 * @property {string} colours @property {boolean} scene @property {boolean} objects
 * @property {''|'scene'|'dates'} swipe @property {number} split
 * @property {import('./filter.js').Filter} filter
 */

/** @returns {State} */
export function startState() {
  return {
    ...{ area: '', mosaic: null, other: null, view: null, pixel: null },
    ...{ threshold: 127, opacity: 0.8, colours: 'ember', scene: true, objects: true, swipe: '', split: 0.5 },
    filter: { text: '', from: '', to: '', state: '', leastPercent: 0 },
  };
}

const TEXTS = { area: 'area', mosaic: 'mosaic', other: 'with', colours: 'colours', swipe: 'swipe' };
const NUMBERS = { threshold: 'threshold', opacity: 'opacity', split: 'split' };
const FLAGS = { scene: 'scene', objects: 'objects' };
const FILTER = { text: 'name', from: 'from', to: 'to', state: 'state' };
const LIMITS = { threshold: [0, 254], opacity: [0, 1], split: [0, 1] };

/** @param {State} state @returns {string} Without "#"; what is as at the start is left out. */
export function linkOf(state) {
  const start = startState();
  const words = new URLSearchParams();
  const put = (key, value, usual) => value !== usual && words.set(key, String(value));
  for (const [name, key] of Object.entries({ ...TEXTS, ...NUMBERS })) put(key, state[name] ?? '', start[name] ?? '');
  for (const [name, key] of Object.entries(FLAGS)) put(key, state[name] ? 1 : 0, 1);
  for (const [name, key] of Object.entries(FILTER)) put(key, state.filter[name], '');
  put('percent', state.filter.leastPercent, 0);
  if (state.view) words.set('view', state.view.map((value) => Number(value.toPrecision(9))).join(','));
  if (state.pixel) words.set('pixel', state.pixel.join(','));
  return words.toString().replaceAll('%2C', ',').replaceAll('%2F', '/');
}

/** @param {string} link With or without "#". @returns {State} What it does not say, or says wrongly, is as usual. */
export function stateOf(link) {
  const words = new URLSearchParams(link.replace(/^#/, ''));
  const state = startState();
  for (const [name, key] of Object.entries(TEXTS)) state[name] = words.get(key) || state[name];
  for (const [name, key] of Object.entries(NUMBERS)) state[name] = numberOf(words.get(key), LIMITS[name], state[name]);
  for (const [name, key] of Object.entries(FLAGS)) state[name] = words.get(key) !== '0';
  for (const [name, key] of Object.entries(FILTER)) state.filter[name] = words.get(key) ?? '';
  state.filter.leastPercent = numberOf(words.get('percent'), [0, 100], 0);
  if (!['', 'scene', 'dates'].includes(state.swipe)) state.swipe = '';
  state.view = numbersOf(words.get('view'), 3);
  state.pixel = numbersOf(words.get('pixel'), 2);
  return state;
}

function numberOf(text, [least, most], usual) {
  const value = text === null || text === '' ? NaN : Number(text);
  return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : usual;
}

function numbersOf(text, count) {
  const values = (text ?? '').split(',').map(Number);
  return text && values.length === count && values.every(Number.isFinite) ? values : null;
}
