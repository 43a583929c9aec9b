/**
 * ol-stac as it is, given the address of an Item and nothing else: `?item=URL[&crs=CODE][&view=X,Y,SCALE]`.
 *
 * `view` is the middle of the map in `crs` (Web Mercator), and how many of its units a pixel of the screen is;
 * without it the map shows where ol-stac says that the Item lies. `#map` has `data-state` "drawn" once everything
 * is on it, or what went wrong, and `data-view` what is shown.
 */

import OlMap from 'ol/Map.js';
import { register } from 'ol/proj/proj4.js';
import Style from 'ol/style/Style.js';
import View from 'ol/View.js';
import STAC from 'ol-stac';
import proj4 from 'proj4';

const asked = new URLSearchParams(location.search);
const map = document.getElementById('map');

function say(state) {
  map.dataset.state = state;
}

function start() {
  register(proj4);
  const [x, y, resolution] = (asked.get('view') ?? '0,0,1').split(',').map(Number);
  // Resolutions are those asked for, to the digit.
  const view = new View({ projection: asked.get('crs') ?? 'EPSG:3857', center: [x, y], resolution, constrainResolution: false });
  const shown = new OlMap({ target: map, view, pixelRatio: 1, controls: [] });
  // Without any outline ol-stac would not tell that it found nothing; so there is one that cannot be seen.
  const layer = new STAC({ url: asked.get('item'), boundsStyle: new Style() });
  layer.on('error', ({ error }) => say(`error: ${error}`));
  layer.on('layersready', () => {
    if (layer.hasOnlyBounds()) return say('error: ol-stac finds nothing to draw in the Item');
    const extent = layer.getExtent();
    if (!asked.has('view') && extent) view.fit(extent);
    map.dataset.view = JSON.stringify([...view.getCenter(), view.getResolution()]);
    // First a frame with the new layer: one of before it would be complete without its tiles.
    shown.renderSync();
    shown.once('rendercomplete', () => say('drawn'));
    shown.render();
  });
  shown.addLayer(layer);
}

start();
