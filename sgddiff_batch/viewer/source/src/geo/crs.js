/** From the coordinates of a CRS to degrees on the globe, and back. */

import proj4 from 'proj4';

/**
 * @typedef {object} Link
 * @property {(x: number, y: number) => number[]} toGlobe [lon, lat] in degrees.
 * @property {(lon: number, lat: number) => number[]} fromGlobe [x, y]; not finite: the CRS does not reach there.
 * @property {boolean} isDegrees
 * @property {number} metresPerUnit Of degrees at the equator; by it tiles of another CRS find their level.
 */

/**
 * @param {string|null} code Such as "EPSG:32633".
 * @param {string|null} wkt
 * @returns {Link|null} Null: there is no CRS, or none that is understood here.
 */
export function crsLink(code, wkt) {
  if (wkt && /^(GEOGCS|GEOGCRS|GEODCRS|GEODETICCRS|BASEGEOGCRS)\b/.test(wkt)) return DEGREES;
  for (const name of [wkt, code]) {
    const link = name ? projected(name) : null;
    if (link) return link;
  }
  return null;
}

/** Of degrees nothing is computed: datums differ by less than a footprint's line is wide. */
const DEGREES = {
  ...{ toGlobe: (x, y) => [x, y], fromGlobe: (lon, lat) => [lon, lat] },
  ...{ isDegrees: true, metresPerUnit: 111_319.49 },
};

function projected(name) {
  try {
    const converter = proj4(name);
    return {
      toGlobe: (x, y) => guarded(() => converter.inverse([x, y])),
      fromGlobe: (lon, lat) => guarded(() => converter.forward([lon, lat])),
      isDegrees: false,
      metresPerUnit: converter.oProj?.to_meter ?? 1,
    };
  } catch {
    return null;
  }
}

/** proj4 throws for points that a projection does not reach. */
function guarded(convert) {
  try {
    return convert();
  } catch {
    return [NaN, NaN];
  }
}
