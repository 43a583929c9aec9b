/** The pixels of a scene: windows of a GeoTIFF as pictures, from the overview that fits. */

import { addDecoder, fromBlob, fromUrl } from 'geotiff';
import { cornersOf, shownBands, stretchOf } from './scene_bands.js';

/** The most pixels of a scene that are decoded for one tile: four times a tile at twice its resolution. */
const MOST_PX = 1 << 22;
/** Side of the window that the stretch is looked up in, where the provenance names none. */
const SAMPLE_PX = 512;

// The page has no WebAssembly: zstd comes in JavaScript in place of it, and LERC not at all.
addDecoder(34887, () => Promise.reject(new Error('LERC is not read here')));

export class ScenePixels {
  /**
   * @param {object[]} images Full size first, then overviews. @param {import('./mosaic.js').Mosaic} mosaic
   * @param {{low: number, high: number}[]|null} stretch Of each band; null: samples are shown as they are.
   */
  constructor(images, mosaic, bands, stretch, noData) {
    Object.assign(this, { images, mosaic, bands, stretch, noData });
  }

  /**
   * @param {number} level @param {number} row @param {number} col Of the mosaic's chunk.
   * @returns {Promise<HTMLCanvasElement|null>} Null: too much would have to be read for it; zoom in.
   */
  async tile(level, row, col) {
    const side = this.mosaic.levels[level].chunk;
    const { image, size, step } = this.#imageFor(2 ** level);
    const { window, target } = cornersOf(side, 2 ** level, row, col, size, step);
    const [across, down] = [window[2] - window[0], window[3] - window[1]];
    if (across * down > MOST_PX) return null;
    const [width, height] = [Math.min(across, Math.ceil(target[2])), Math.min(down, Math.ceil(target[3]))];
    const part = canvasOf(width, height);
    const rgba = await this.#colours(image, window, width, height);
    part.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
    const canvas = canvasOf(side, side);
    canvas.getContext('2d').drawImage(part, ...target);
    return canvas;
  }

  /** The coarsest image that is not coarser than asked for. */
  #imageFor(scale) {
    const { width, height } = this.mosaic.native;
    const all = this.images.map((image) => {
      const size = [image.getWidth(), image.getHeight()];
      return { image, size, step: [width / size[0], height / size[1]] };
    });
    return all.filter(({ step }) => step[0] <= scale * 1.01).pop() ?? all[0];
  }

  async #colours(image, window, width, height) {
    if (this.bands.isCoded) return this.#decoded(image, window, width, height);
    const samples = [...new Set([...this.bands.shown, ...this.bands.alpha])];
    const rasters = await image.readRasters({ window, width, height, samples, resampleMethod: 'nearest' });
    const band = (sample) => rasters[samples.indexOf(sample)];
    return this.#mixed(this.bands.shown.map(band), this.bands.alpha.map(band)[0], width * height);
  }

  /** Palettes and the colours of JPEG are turned into red, green and blue by the library. */
  async #decoded(image, window, width, height) {
    const rgb = await image.readRGB({ window, width, height, interleave: true });
    const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let i = 0, n = width * height; i < n; i += 1) {
      for (let c = 0; c < 3; c += 1) rgba[4 * i + c] = rgb[3 * i + c];
    }
    return rgba;
  }

  #mixed(bands, alpha, count) {
    const rgba = new Uint8ClampedArray(count * 4);
    const [red, green, blue] = bands.length === 1 ? [bands[0], bands[0], bands[0]] : bands;
    const scales = [0, 1, 2].map((c) => this.stretch?.[Math.min(c, this.stretch.length - 1)] ?? { low: 0, high: 255 });
    [red, green, blue].forEach((band, c) => {
      const { low, high } = scales[c];
      for (let i = 0; i < count; i += 1) rgba[4 * i + c] = (255 * (band[i] - low)) / (high - low || 1);
    });
    for (let i = 0; i < count; i += 1) {
      const isNone = alpha ? !alpha[i] : bands.every((band) => band[i] === this.noData || Number.isNaN(band[i]));
      rgba[4 * i + 3] = isNone ? 0 : 255;
    }
    return rgba;
  }
}

function canvasOf(width, height) {
  return Object.assign(document.createElement('canvas'), { width, height });
}

/**
 * @param {URL|File} source
 * @param {import('./mosaic.js').Mosaic} mosaic Its pixels are those of the scene.
 * @returns {Promise<ScenePixels>}
 * @throws {Error} If it is no GeoTIFF, or not of the mosaic's size.
 */
export async function openScene(source, mosaic) {
  const tiff = source instanceof URL ? await fromUrl(source.href, { allowFullFile: true }) : await fromBlob(source);
  const first = await tiff.getImage(0);
  const { width, height } = mosaic.native;
  if (first.getWidth() !== width || first.getHeight() !== height) {
    throw new Error(`the scene has ${first.getHeight()} x ${first.getWidth()} px, its mosaic ${height} x ${width}`);
  }
  const images = await imagesOf(tiff, first);
  const bands = await shownBands(first, mosaic.provenance.bands ?? []);
  const stretch = await stretchOf(images.at(-1), bands, mosaic.provenance.stretch ?? null, SAMPLE_PX);
  return new ScenePixels(images, mosaic, bands, stretch, first.getGDALNoData());
}

/** Full size and overviews, without the masks that lie between them. */
async function imagesOf(tiff, first) {
  const images = [first];
  for (let i = 1, n = await tiff.getImageCount(); i < n; i += 1) {
    const image = await tiff.getImage(i);
    const kind = image.fileDirectory.getValue('NewSubfileType') ?? 0;
    const isOverview = (kind & 1) === 1 && (kind & 4) === 0;
    if (isOverview && image.getWidth() < images.at(-1).getWidth()) images.push(image);
  }
  return images;
}
