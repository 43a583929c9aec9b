/** The map: its layers in their order, and the plane that all of them are in. */

import { defaults as defaultInteractions } from 'ol/interaction/defaults.js';
import TileLayer from 'ol/layer/Tile.js';
import OlMap from 'ol/Map.js';
import XYZ from 'ol/source/XYZ.js';
import View from 'ol/View.js';
import { canvasLayer } from './canvas_layer.js';
import { Footprints } from './footprints.js';
import { graticuleLayer } from './graticule.js';
import { landLayer } from './land.js';
import { Mark } from './mark.js';
import { Outlines } from './outlines.js';
import { extentOf } from './pyramid.js';
import { onTheme, themeNow } from './theme.js';

const ORDER = ['basemap', 'land', 'scene', 'otherScene', 'saliency', 'otherSaliency', 'above'];
/** How far one may zoom into a mosaic: screen pixels of one of its pixels. */
const LARGEST_PIXEL_PX = 48;

export class MapView {
  /** @param {HTMLElement} target @param {import('../config.js').Config['basemap']} basemap */
  constructor(target, basemap) {
    const theme = themeNow();
    this.land = landLayer(theme);
    this.graticule = graticuleLayer(theme);
    this.footprints = new Footprints(theme);
    this.outlines = new Outlines(theme);
    this.mark = new Mark(theme);
    Object.assign(this, { plane: null, centre: null });
    this.map = new OlMap({ target, controls: [], interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false }) });
    const above = [this.graticule, this.footprints, this.outlines, this.mark];
    this.drawn = [this.land, ...above];
    this.put('land', canvasLayer([this.land.layer]));
    this.put('above', canvasLayer(above.map(({ layer }) => layer)));
    if (basemap) this.put('basemap', basemapLayer(basemap));
    this.land.layer.setVisible(!basemap);
    onTheme(() => this.#repaint());
  }

  /** Lay a layer into its place, in the stead of the one that was there. @param {object|null} layer */
  put(name, layer) {
    const before = this.#at(name);
    if (before) this.map.removeLayer(before);
    if (!layer) return;
    layer.setZIndex(ORDER.indexOf(name));
    this.map.addLayer(layer);
  }

  /** @param {string} name @param {boolean} isVisible */
  setVisible(name, isVisible) {
    this.#at(name)?.setVisible(isVisible);
  }

  #at(name) {
    const zIndex = ORDER.indexOf(name);
    return this.map.getLayers().getArray().find((one) => one.getZIndex() === zIndex);
  }

  /** @param {import('../geo/plane.js').Plane} plane @param {number[]|null} centre [lon, lat]; null: the globe. */
  setPlane(plane, centre) {
    Object.assign(this, { plane, centre });
    for (const one of [this.land, this.graticule, this.footprints]) one.setPlane(plane, centre);
  }

  /** Footprints are others now. */
  placeFootprints() {
    if (this.plane) this.footprints.setPlane(this.plane, this.centre);
    this.footprints.layer.changed();
  }

  /** Show the whole globe, or what of it has mosaics. */
  viewWorld(extent) {
    const projection = this.plane.projection;
    this.map.setView(new View({ projection, minResolution: this.#metre(1), showFullExtent: true, center: [0, 0], zoom: 1 }));
    this.map.getView().fit(extent ?? projection.getExtent(), { padding: [40, 64, 40, 40], maxZoom: 11 });
  }

  /** Show a mosaic, all of it. */
  viewMosaic(mosaic) {
    const side = this.plane.transform[0];
    const extent = extentOf(mosaic, this.plane);
    const widest = Math.max(extent[2] - extent[0], extent[3] - extent[1]);
    const { projection, rotation } = this.plane;
    const coarsest = side * 2 ** (mosaic.levels.length - 1);
    const limits = { minResolution: side / LARGEST_PIXEL_PX, maxResolution: Math.max(widest / 100, 2 * coarsest) };
    const center = [(extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2];
    this.map.setView(new View({ projection, rotation, ...limits, center, resolution: widest / 800 }));
    this.fit(mosaic);
  }

  fit(mosaic) {
    this.map.getView().fit(extentOf(mosaic, this.plane), { padding: [30, 30, 30, 30] });
  }

  /** @returns {number} A length in the units of the world's plane. */
  #metre(length) {
    return this.plane.projection.getUnits() === 'degrees' ? length / 111_320 : length;
  }

  #repaint() {
    const theme = themeNow();
    for (const one of this.drawn) one.setTheme(theme);
    this.map.getLayers().forEach((layer) => layer.changed());
  }
}

function basemapLayer({ url }) {
  return new TileLayer({ source: new XYZ({ url, crossOrigin: 'anonymous' }) });
}
