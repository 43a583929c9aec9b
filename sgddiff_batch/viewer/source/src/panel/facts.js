/** What is told of a mosaic, a pixel and an object. */

import { areaText, percentText, placeText, timeText, valueText, whenText } from '../words.js';
import { byId, element, fillFacts } from './dom.js';

/** @param {import('../data/catalogue.js').Entry} entry @param {import('../data/mosaic.js').Mosaic} mosaic */
export function showMosaic(entry, mosaic) {
  const { width, height } = mosaic.native;
  byId('mosaic-name').textContent = entry.id;
  fillFacts(byId('mosaic-facts'), [
    ['time', whenText(entry)],
    ['state', entry.state === 'done' ? '' : `${entry.state}${entry.reason ? `: ${entry.reason}` : ''}`],
    ['complete', mosaic.isComplete ? '' : 'no: it is being written, or its run was stopped'],
    ['salient', [percentText(entry.share), entry.km2 === null ? '' : `${entry.km2.toPrecision(3)} km²`].filter(Boolean).join(', ')],
    ['size', `${height.toLocaleString('en')} x ${width.toLocaleString('en')} px`],
    ['grid', mosaic.code ?? (mosaic.wkt ? nameOf(mosaic.wkt) : 'no CRS: pixel coordinates')],
    ['model', modelText(mosaic, entry)],
    ['run', mosaic.provenance.run_id ?? ''],
  ]);
}

/** @param {import('../pick.js').Pixel} pixel */
export function showPixel(pixel) {
  byId('pixel').hidden = false;
  byId('pixel-value').textContent = pixel.isData ? valueText(pixel.code) : 'no data';
  fillFacts(byId('pixel-facts'), [
    ['code', pixel.isData ? `${pixel.code} of 254` : '255'],
    ['pixel', `row ${pixel.row}, column ${pixel.col}`],
    ['place', pixel.globe ? placeText(...pixel.globe) : ''],
    ['coordinates', pixel.xy.map((value) => Number(value.toPrecision(10))).join(', ')],
    ['scene', pixel.entry.id],
    ['time', whenText(pixel.entry)],
    ['model', modelText(pixel.mosaic, pixel.entry)],
    ['tile', pixel.tile],
    ['why', pixel.isData ? '' : 'the scene has no data here; that is not the same as "not salient"'],
  ]);
}

/** @param {object|null} facts What `sgddiff explain --json` tells; null: nothing yet, or nobody to ask. */
export function showExplained(facts, problem = '') {
  byId('explained').hidden = !facts && !problem;
  fillFacts(byId('explained-facts'), facts ? explainedFacts(facts) : [['not told', problem]]);
}

/**
 * @param {import('../data/objects.js').Sighting|null} sighting
 * @param {import('../data/objects.js').History|null} history
 */
export function showObject(sighting, history) {
  byId('object').hidden = !sighting;
  if (!sighting) return;
  byId('object-id').textContent = sighting.id;
  const size = sighting.length_m == null ? '' : `${sighting.length_m.toFixed(1)} x ${sighting.width_m.toFixed(1)} m`;
  fillFacts(byId('object-facts'), [
    ['area', areaText(sighting.area_m2)],
    ['length, width', size && `${size}, turned by ${sighting.angle_deg?.toFixed(0)}°`],
    ['pixels', String(sighting.pixels)],
    ['saliency', `mean ${sighting.saliency_mean.toFixed(3)}, most ${sighting.saliency_max.toFixed(3)}`],
    ['state now', stateText(sighting.state, history.into)],
  ]);
  byId('history').replaceChildren(...history.seen.map((row) => seen(row, row.store === sighting.store)));
}

/** What is known of an object by now, by all mosaics: of an older one, too, on which it is still to be seen. */
function stateText(state, into) {
  if (state === 'vanished') return 'vanished: a later mosaic has data here and does not show it';
  if (state === 'merged') return `merged: part of ${into.join(', ') || 'another object'} now`;
  return state ?? '';
}

function seen(row, isHere) {
  const facts = [timeText(row.time), row.scene, areaText(row.area_m2)];
  if (row.splitFrom.length) facts.push(`split from ${row.splitFrom.join(', ')}`);
  if (row.tookIn.length) facts.push(`took in ${row.tookIn.join(', ')}`);
  const line = element('li', {}, facts.join(' · '));
  if (isHere) line.setAttribute('aria-current', 'true');
  return line;
}

function modelText(mosaic, entry) {
  const { preset, digest } = mosaic.provenance.pixel_settings?.model ?? {};
  return [preset, (digest ?? entry.model ?? '').slice(0, 12)].filter(Boolean).join(' ');
}

/** The words of `explain`, a line a fact, in its own order. */
function explainedFacts(facts) {
  return Object.entries(facts).flatMap(([name, value]) => {
    if (name === 'tiles') return value.map((tile) => [`tile ${tile.row},${tile.col}`, tileText(tile, facts.weight_total)]);
    if (value === null || ['weight_total', 'software', 'value', 'pixel'].includes(name)) return [];
    if (typeof value !== 'object') return [[name, String(value)]];
    return Object.entries(value).filter(([, inner]) => !isNested(inner)).map(([key, inner]) => [`${name} ${key}`, typeof inner === 'string' ? inner : JSON.stringify(inner)]);
  });
}

/** Sizes of layers and the like: `sgddiff explain` has them. */
function isNested(value) {
  return typeof value === 'object' && value !== null && Object.values(value).some((inner) => typeof inner === 'object');
}

function tileText({ window: w, weight, share, reflects }, total) {
  const place = `rows ${w.row_start}-${w.row_stop}, columns ${w.col_start}-${w.col_stop}`;
  return `${place}, weight ${weight} of ${total} (${(100 * share).toFixed(1)} %)${reflects ? ', filled up by reflection' : ''}`;
}

function nameOf(wkt) {
  return /"([^"]+)"/.exec(wkt)?.[1] ?? 'a CRS of its own';
}
