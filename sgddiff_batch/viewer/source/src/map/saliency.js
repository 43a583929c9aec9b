/** A mosaic on the map: its codes through a table of colours, on canvases, level by level. */

import TileLayer from 'ol/layer/Tile.js';
import ImageTile from 'ol/source/ImageTile.js';
import { chunkOf, tileGrid } from './pyramid.js';

/** Tiles that the map keeps, a megabyte of canvas each. */
export const KEPT_TILES = 64;

/** Paints codes on canvases, and paints them anew when the colours change. */
export class Painter {
  /** @param {Uint32Array} table */
  constructor(table) {
    this.table = table;
    this.painted = new Set();
  }

  /**
   * @param {Uint8Array} codes Of a square. @param {number} side In pixels.
   * @returns {HTMLCanvasElement}
   */
  canvasOf(codes, side) {
    const canvas = document.createElement('canvas');
    canvas.width = side;
    canvas.height = side;
    paint(canvas, codes, this.table);
    this.painted.add(new WeakRef(Object.assign(canvas, { codes })));
    return canvas;
  }

  /** @param {Uint32Array} table Of all canvases from now on, those that are in use too. */
  repaint(table) {
    this.table = table;
    for (const reference of this.painted) {
      const canvas = reference.deref();
      if (canvas) paint(canvas, canvas.codes, table);
      else this.painted.delete(reference);
    }
  }
}

function paint(canvas, codes, table) {
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[codes[i]];
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/**
 * @param {import('../data/mosaic.js').Mosaic} mosaic
 * @param {import('../geo/plane.js').Plane} plane Its own.
 * @param {Painter} painter
 * @param {(error: Error) => void} complain
 * @returns {TileLayer}
 */
export function saliencyLayer(mosaic, plane, painter, complain) {
  const loader = async (z, x, y) => {
    const { level, row, col, isMirrored } = chunkOf(mosaic, plane, z, x, y);
    try {
      const side = mosaic.levels[level].chunk;
      const codes = await mosaic.chunk(level, row, col);
      return painter.canvasOf(isMirrored ? mirrored(codes, side) : codes, side);
    } catch (error) {
      complain(error);
      throw error;
    }
  };
  return pixelLayer(mosaic, plane, loader, false);
}

/** @returns {Uint8Array} The same rows from the last to the first. */
function mirrored(codes, side) {
  const turned = new Uint8Array(codes.length);
  for (let row = 0; row < side; row += 1) turned.set(codes.subarray(row * side, (row + 1) * side), (side - 1 - row) * side);
  return turned;
}

/** @returns {TileLayer} Tiles of a mosaic's pixels, whatever they show. */
export function pixelLayer(mosaic, plane, loader, interpolate) {
  const source = new ImageTile({
    loader,
    tileGrid: tileGrid(mosaic, plane),
    projection: plane.projection,
    wrapX: false,
    interpolate,
    transition: 0,
  });
  return new TileLayer({ source, cacheSize: KEPT_TILES });
}
