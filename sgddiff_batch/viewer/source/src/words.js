/** Numbers and times in words. */

/** @param {Date|null|undefined} time @returns {string} */
export function timeText(time) {
  if (!(time instanceof Date) || Number.isNaN(time.getTime())) return 'not known';
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** @param {import('./data/catalogue.js').Entry} entry @returns {string} */
export function whenText({ time, until }) {
  if (!time) return 'time not known';
  return until ? `${timeText(time).slice(0, 10)} to ${timeText(until).slice(0, 10)}` : timeText(time);
}

/** @param {number|null} share 0 to 1. */
export function percentText(share) {
  return share === null || share === undefined ? '' : `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;
}

/** @param {number} code 0 to 254. @returns {string} Saliency, 0 to 1. */
export function valueText(code) {
  return (code / 254).toFixed(3);
}

/** @param {number} count @param {string} one @returns {string} */
export function counted(count, one) {
  return `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`;
}

/** @param {number|null} area In square metres. */
export function areaText(area) {
  if (area === null || area === undefined) return 'not known';
  return area >= 1e5 ? `${(area / 1e6).toFixed(3)} km²` : `${area.toFixed(area < 100 ? 1 : 0)} m²`;
}

/** @param {number} lon @param {number} lat @returns {string} */
export function placeText(lon, lat) {
  const east = ((((lon + 180) % 360) + 360) % 360) - 180;
  return `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? 'S' : 'N'}, ${Math.abs(east).toFixed(5)}° ${east < 0 ? 'W' : 'E'}`;
}
