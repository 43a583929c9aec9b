/** Colours of codes: what a code looks like, in which colour map, from which threshold on. */

import { MAX_CODE, NO_DATA } from './data/mosaic.js';

/** Stops [saliency 0..1, red, green, blue]; "ember" is the table of the exported pictures. */
export const COLOUR_MAPS = {
  ember: [
    [0, 8, 8, 24], [0.15, 42, 17, 84], [0.35, 122, 28, 109], [0.55, 198, 60, 76],
    [0.75, 244, 130, 36], [0.9, 252, 203, 68], [1, 252, 255, 200],
  ],
  viridis: [
    [0, 68, 1, 84], [0.13, 71, 44, 122], [0.25, 59, 81, 139], [0.38, 44, 113, 142], [0.5, 33, 144, 141],
    [0.63, 39, 173, 129], [0.75, 92, 200, 99], [0.88, 170, 220, 50], [1, 253, 231, 37],
  ],
  blue: [[0, 8, 20, 48], [0.4, 22, 82, 150], [0.7, 64, 164, 223], [1, 225, 245, 255]],
  grey: [[0, 0, 0, 0], [1, 255, 255, 255]],
  red: [[0, 230, 40, 40], [1, 230, 40, 40]],
};

export const COLOUR_WORDS = {
  ember: 'ember',
  viridis: 'viridis',
  blue: 'blue',
  grey: 'grey',
  red: 'one red',
};

const isLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/**
 * @param {string} name Of a colour map.
 * @param {number} threshold The least code that is shown.
 * @returns {Uint32Array} (256,) A pixel of a canvas for each code; no data, and what is below, is transparent.
 */
export function lookUpTable(name, threshold) {
  const stops = COLOUR_MAPS[name] ?? COLOUR_MAPS.ember;
  const table = new Uint32Array(256);
  for (let code = Math.max(0, threshold); code <= MAX_CODE; code += 1) {
    table[code] = packed(colourAt(stops, code / MAX_CODE));
  }
  table[NO_DATA] = 0;
  return table;
}

/** @returns {number[]} Red, green and blue at a saliency of 0..1. */
export function colourAt(stops, value) {
  const after = Math.max(1, stops.findIndex(([at]) => at >= value));
  const [from, to] = [stops[after - 1], stops[after]];
  const share = (value - from[0]) / (to[0] - from[0]);
  return [1, 2, 3].map((i) => Math.round(from[i] + share * (to[i] - from[i])));
}

function packed([red, green, blue]) {
  return isLittle
    ? ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0
    : ((red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
}
