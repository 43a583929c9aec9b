/** A mosaic that is open: where it is drawn, by which layers, and the scene below it. */

import { sceneAddress } from './config.js';
import { openMosaic } from './data/mosaic.js';
import { openScene } from './data/scene_pixels.js';
import { planeOf } from './geo/plane.js';
import { chunkOf } from './map/pyramid.js';
import { Painter, pixelLayer, saliencyLayer } from './map/saliency.js';

/**
 * @typedef {object} Opened
 * @property {import('./data/catalogue.js').Entry} entry
 * @property {import('./data/mosaic.js').Mosaic} mosaic
 * @property {import('./geo/plane.js').Plane} plane
 * @property {Painter} painter @property {object} layer Of the saliency.
 */

/**
 * @param {object} entry @param {import('./data/place.js').Place} place @param {Uint32Array} table
 * @param {(error: Error) => void} complain
 * @returns {Promise<Opened>}
 */
export async function opened(entry, place, table, complain) {
  const mosaic = await openMosaic(place, entry.store);
  const plane = planeOf(mosaic);
  const painter = new Painter(table);
  return { entry, mosaic, plane, painter, layer: saliencyLayer(mosaic, plane, painter, complain) };
}

/**
 * @param {Opened} one @param {import('./config.js').Config} config
 * @param {() => void} tooMuch Told when a tile would need too much of a scene without overviews.
 * @returns {Promise<object>} A layer of its scene.
 * @throws {Error} That says why there is none.
 */
export async function sceneLayer({ entry, mosaic, plane }, config, tooMuch) {
  const uri = entry.sceneUri ?? mosaic.provenance.source_uri;
  if (!uri) throw new Error('an area has no scene of its own');
  const address = sceneAddress(uri, config.scenes, new URL(document.baseURI));
  if (!address) throw new Error('the scene cannot be reached from this page');
  const scene = await openScene(address, mosaic).catch((error) => {
    throw new Error(`the scene cannot be read: ${error.message}`);
  });
  const loader = async (z, x, y) => {
    const { level, row, col, isMirrored } = chunkOf(mosaic, plane, z, x, y);
    const canvas = await scene.tile(level, row, col);
    if (!canvas) tooMuch();
    const side = mosaic.levels[level].chunk;
    return isMirrored && canvas ? turnedOver(canvas, side) : (canvas ?? emptyTile(side));
  };
  return pixelLayer(mosaic, plane, loader, true);
}

function emptyTile(side) {
  return Object.assign(document.createElement('canvas'), { width: side, height: side });
}

function turnedOver(canvas, side) {
  const turned = emptyTile(side);
  const context = turned.getContext('2d');
  context.setTransform(1, 0, 0, -1, 0, side);
  context.drawImage(canvas, 0, 0);
  return turned;
}
