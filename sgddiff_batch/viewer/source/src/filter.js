/** Which mosaics are looked for. */

/**
 * @typedef {object} Filter
 * @property {string} text In the name; upper and lower case are the same.
 * @property {string} from @property {string} to Days, YYYY-MM-DD, both included; empty: no limit.
 * @property {string} state Empty: any.
 * @property {number} leastPercent Of the pixels with data that are salient.
 */

/** @param {import('./data/catalogue.js').Entry[]} entries @param {Filter} filter @returns {object[]} */
export function filtered(entries, filter) {
  const text = filter.text.trim().toLowerCase();
  const from = dayOf(filter.from, 0);
  const to = dayOf(filter.to, 1);
  return entries.filter(
    (entry) =>
      (!text || entry.id.toLowerCase().includes(text)) &&
      (!filter.state || entry.state === filter.state) &&
      (!filter.leastPercent || isSalient(entry, filter.leastPercent)) &&
      isWithin(entry, from, to),
  );
}

/** Of what is not read yet nothing is left out. */
function isSalient({ share }, leastPercent) {
  return share === undefined || 100 * (share ?? 0) >= leastPercent;
}

/** Who asks for a time leaves out what has none. */
function isWithin({ time, until }, from, to) {
  if (from === null && to === null) return true;
  if (!time) return false;
  return (from === null || (until ?? time) >= from) && (to === null || time < to);
}

function dayOf(text, later) {
  const day = new Date(`${text}T00:00:00Z`);
  if (!text || Number.isNaN(day.getTime())) return null;
  day.setUTCDate(day.getUTCDate() + later);
  return day;
}
