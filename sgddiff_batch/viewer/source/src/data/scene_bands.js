/** Which bands of a scene are shown, how bright, and which of its pixels a tile needs. */

const PALETTE = 3;
const CMYK = 5;
const YCBCR = 6;
const CIELAB = 8;

/**
 * @typedef {object} Bands
 * @property {number[]} shown One or three samples, counted from 0. @property {number[]} alpha One or none.
 * @property {boolean} isCoded Whether samples are no brightness, but entries of a palette or another space.
 */

/**
 * @param {object} image Of geotiff. @param {number[]} chosen Bands as the mosaic names them, counted from 1.
 * @returns {Promise<Bands>}
 */
export async function shownBands(image, chosen) {
  const tags = image.fileDirectory;
  const count = image.getSamplesPerPixel();
  const kind = tags.getValue('PhotometricInterpretation');
  const extra = tags.hasTag('ExtraSamples') ? [...(await tags.loadValue('ExtraSamples'))] : [];
  const alpha = extra.map((use, i) => (use === 1 || use === 2 ? count - extra.length + i : -1)).filter((i) => i >= 0);
  const wanted = chosen.map((band) => band - 1).filter((band) => band >= 0 && band < count);
  const usual = count - alpha.length >= 3 ? [0, 1, 2] : [0];
  const shown = wanted.length === 1 || wanted.length === 3 ? wanted : usual;
  return { shown, alpha: alpha.slice(0, 1), isCoded: [PALETTE, CMYK, YCBCR, CIELAB].includes(kind) };
}

/**
 * @param {object} smallest The smallest overview. @param {Bands} bands
 * @param {number[]|null} given [low, high] by which the mosaic was made. @param {number} sidePx
 * @returns {Promise<{low: number, high: number}[]|null>} A range a band; null: bytes, shown as they are.
 */
export async function stretchOf(smallest, bands, given, sidePx) {
  if (bands.isCoded) return null;
  if (Array.isArray(given) && given.length === 2) return bands.shown.map(() => ({ low: given[0], high: given[1] }));
  if (smallest.getBitsPerSample() === 8) return null;
  const [width, height] = [smallest.getWidth(), smallest.getHeight()];
  const left = Math.max(0, Math.floor((width - sidePx) / 2));
  const top = Math.max(0, Math.floor((height - sidePx) / 2));
  const window = [left, top, Math.min(width, left + sidePx), Math.min(height, top + sidePx)];
  const rasters = await smallest.readRasters({ window, samples: bands.shown });
  return [...rasters].map((band) => percentiles(band, smallest.getGDALNoData()));
}

function percentiles(band, noData) {
  const values = Float64Array.from(band).filter((value) => Number.isFinite(value) && value !== noData);
  values.sort();
  if (!values.length) return { low: 0, high: 1 };
  return { low: values[Math.floor(0.02 * (values.length - 1))], high: values[Math.ceil(0.98 * (values.length - 1))] };
}

/**
 * @param {number} side Of the tile. @param {number} scale Pixels of full size that one of the tile covers.
 * @param {number[]} size [width, height] of the image that is read.
 * @param {number[]} step Pixels of full size that one of the image covers, across and down: those of overviews
 *   are no whole numbers where sides do not halve evenly.
 * @returns {{window: number[], target: number[]}} [left, top, right, bottom] in the image, whole pixels; and
 *   [left, top, width, height] of these in the tile, as fractions.
 */
export function cornersOf(side, scale, row, col, size, step) {
  const along = [col, row].map((place, axis) => {
    const [from, to] = [place, place + 1].map((edge) => (edge * side * scale) / step[axis]);
    const [first, last] = [Math.floor(from + 1e-6), Math.min(size[axis], Math.ceil(to - 1e-6))];
    return { first, last, at: (first * step[axis]) / scale - place * side, length: ((last - first) * step[axis]) / scale };
  });
  const [across, down] = along;
  return {
    window: [across.first, down.first, across.last, down.last],
    target: [across.at, down.at, across.length, down.length],
  };
}
