/** Outlines of the continents: a TopoJSON of world-atlas becomes rings of degrees, when the page is built. */

/**
 * @param {object} atlas TopoJSON with quantised arcs and the object "land".
 * @returns {number[][]} Rings, each [lon, lat, lon, lat, ...] in degrees to two decimals, outer ones and holes.
 */
export function landRings(atlas) {
  const arcs = atlas.arcs.map((arc) => degrees(arc, atlas.transform));
  const polygons = atlas.objects.land.geometries.flatMap((geometry) =>
    geometry.type === 'MultiPolygon' ? geometry.arcs : [geometry.arcs],
  );
  return polygons.flat().map((ring) => joined(ring, arcs));
}

function degrees(arc, { scale, translate }) {
  let [x, y] = [0, 0];
  return arc.map(([dx, dy]) => {
    [x, y] = [x + dx, y + dy];
    return [round(x * scale[0] + translate[0]), round(y * scale[1] + translate[1])];
  });
}

/** Arcs share their ends; a negative index is an arc backwards. */
function joined(ring, arcs) {
  const points = ring.flatMap((index, place) => {
    const arc = index < 0 ? [...arcs[~index]].reverse() : arcs[index];
    return place ? arc.slice(1) : arc;
  });
  return unwound(points).flat();
}

/** Degrees go on past 180 in place of jumping back; a ring around a pole is led along it. */
function unwound(points) {
  let turn = 0;
  const even = points.map(([lon, lat], i) => {
    const step = i ? lon - points[i - 1][0] : 0;
    turn -= Math.abs(step) > 180 ? 360 * Math.sign(step) : 0;
    return [round(lon + turn), lat];
  });
  const [first, last] = [even[0], even.at(-1)];
  if (Math.abs(last[0] - first[0]) < 180) return even;
  const pole = first[1] < 0 ? -90 : 90;
  return [...even, [last[0], pole], [first[0], pole]];
}

function round(value) {
  return Math.round(value * 100) / 100;
}
