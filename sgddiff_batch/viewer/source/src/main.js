/** The page starts here: with the config beside it, or with a folder that the user chooses. */

import { App } from './app.js';
import { checkedConfig } from './config.js';
import { HttpPlace } from './data/place.js';
import { notice } from './panel/dom.js';
import { offerFolder } from './panel/folder.js';

async function start() {
  if (location.protocol === 'file:') {
    offerFolder((config) => show(config).catch(failed), (words) => notice(words, true));
    return;
  }
  const base = new URL('config.json', document.baseURI);
  const answer = await fetch(base, { cache: 'no-cache' });
  if (!answer.ok) throw new Error(`config.json beside this page: ${answer.status} ${answer.statusText}`);
  await show(checkedConfig(await answer.json(), base, (address) => new HttpPlace(address)));
}

/** @param {import('./config.js').Config} config */
async function show(config) {
  notice('');
  const app = new App(config);
  await app.start();
  document.documentElement.dataset.ready = 'true';
}

function failed(error) {
  notice(`The map could not be started: ${error.message}`, true);
}

start().catch(failed);
