/** What follows the first picture: the outlines of all mosaics, and what is salient in them. */

import { notice } from './panel/dom.js';

const followed = new WeakSet();

/** Read it once. @param {import('./app.js').App} app @param {import('./data/catalogue.js').Catalogue} catalogue */
export function readRest(app, catalogue) {
  if (followed.has(catalogue)) return;
  followed.add(catalogue);
  app.view.map.once('rendercomplete', async () => {
    performance.mark('picture');
    try {
      if (!catalogue.isWhole) await catalogue.readRest();
    } catch (error) {
      notice(`Outlines and measures of the mosaics could not be read: ${error.message}`, true);
      return;
    }
    if (catalogue === app.catalogue) shown(app);
    document.documentElement.dataset.whole = 'true';
  });
}

function shown(app) {
  app.view.placeFootprints();
  app.finder.again();
  if (app.open) app.tellOfOpen();
  app.view.map.render();
}
