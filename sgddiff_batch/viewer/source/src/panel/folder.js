/** A page that was opened from disk reads nothing by itself: the user chooses the folder of the output. */

import { FolderPlace } from '../data/place.js';
import { byId } from './dom.js';

/** @param {(config: import('../config.js').Config) => void} chosen @param {(words: string) => void} complain */
export function offerFolder(chosen, complain) {
  byId('start').hidden = false;
  byId('folder').addEventListener('change', ({ target }) => {
    const files = filesOf(target.files);
    if (!files.has('catalogue.parquet')) {
      complain('This folder has no catalogue.parquet: choose the output itself, the folder with the mosaics.');
      return;
    }
    byId('start').hidden = true;
    chosen(configOf(files, target.files[0].webkitRelativePath.split('/')[0]));
  });
}

/** @returns {Map<string, File>} By their paths below the chosen folder. */
function filesOf(list) {
  return new Map([...list].map((file) => [file.webkitRelativePath.split('/').slice(1).join('/'), file]));
}

function configOf(files, title) {
  const output = (name, prefix) => ({
    name,
    place: new FolderPlace(files, prefix),
    catalogue: 'catalogue.parquet',
    objects: files.has(`${prefix}objects.parquet`) ? 'objects.parquet' : null,
  });
  return { title, outputs: [output('', '')], scenes: [], explain: null, basemap: null };
}
