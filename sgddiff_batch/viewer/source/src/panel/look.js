/** How a mosaic is shown: threshold, opacity, colours, what lies below, and what it is compared with. */

import { COLOUR_MAPS, COLOUR_WORDS, colourAt } from '../colours.js';
import { valueText, whenText } from '../words.js';
import { byId, element } from './dom.js';

export class Look {
  /** @param {(change: Partial<import('../link.js').State>) => void} changed */
  constructor(changed) {
    const words = Object.entries(COLOUR_WORDS).map(([value, text]) => element('option', { value }, text));
    byId('colours').replaceChildren(...words);
    const on = (id, change) => byId(id).addEventListener('input', ({ target }) => changed(change(target)));
    on('threshold', ({ value }) => ({ threshold: Number(value) }));
    on('opacity', ({ value }) => ({ opacity: Number(value) / 100 }));
    on('colours', ({ value }) => ({ colours: value }));
    on('scene', ({ checked }) => ({ scene: checked }));
    on('objects', ({ checked }) => ({ objects: checked }));
    on('swipe', ({ value }) => ({ swipe: value }));
    on('other', ({ value }) => ({ other: value || null, swipe: value ? 'dates' : '' }));
  }

  /** @param {import('../link.js').State} state */
  show(state) {
    byId('threshold').value = String(state.threshold);
    byId('threshold-now').textContent = valueText(state.threshold);
    byId('threshold').setAttribute('aria-valuetext', `saliency ${valueText(state.threshold)} and more`);
    byId('opacity').value = String(Math.round(100 * state.opacity));
    byId('opacity-now').textContent = `${Math.round(100 * state.opacity)} %`;
    byId('colours').value = state.colours in COLOUR_MAPS ? state.colours : 'ember';
    byId('scene').checked = state.scene;
    byId('objects').checked = state.objects;
    byId('swipe').value = state.swipe;
    byId('other').value = state.other ?? '';
    byId('swipe').querySelector('[value=dates]').disabled = !state.other;
    legend(byId('legend'), state);
  }

  /** @param {object[]} entries Other mosaics of the place. */
  setOthers(entries) {
    const options = entries.map((entry) => element('option', { value: entry.store }, `${whenText(entry)}, ${entry.id}`));
    byId('other').replaceChildren(element('option', { value: '' }, entries.length ? 'nothing' : 'none of this place'), ...options);
    byId('other').disabled = !entries.length;
  }

  /** @param {boolean} has Whether the scene can be read. @param {string} why */
  setScene(has, why) {
    byId('scene').disabled = !has;
    byId('scene-why').textContent = why;
    byId('swipe').querySelector('[value=scene]').disabled = !has;
  }

  /** @param {number|null} count Objects of the mosaic; null: none were looked for. */
  setObjects(count) {
    byId('objects-row').hidden = count === null;
    byId('objects-count').textContent = count === null ? '' : `(${count.toLocaleString('en')})`;
  }
}

/** The colours from 0 to 1; what is below the threshold is not shown, and so is not coloured. */
function legend(canvas, { colours, threshold }) {
  const context = canvas.getContext('2d');
  const stops = COLOUR_MAPS[colours] ?? COLOUR_MAPS.ember;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let x = 0; x < canvas.width; x += 1) {
    const value = x / (canvas.width - 1);
    if (value * 254 < threshold) continue;
    context.fillStyle = `rgb(${colourAt(stops, value).join(' ')})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}
