/** Rings of degrees, cut to what can be drawn around a place. */

/**
 * @param {number[]} ring [lon, lat, lon, lat, ...]
 * @param {number[]} box [west, south, east, north]; west may be less than -180, east more than 180.
 * @returns {number[][]} The parts of the ring, and of its copies a turn of the globe away, within the box.
 */
export function clippedAround(ring, box) {
  const parts = [];
  for (const turn of [-360, 0, 360]) {
    const part = clipped(ring, turn, box);
    if (part.length >= 6) parts.push(part);
  }
  return parts;
}

/** Sutherland and Hodgman: one edge of the box after the other. */
function clipped(ring, turn, [west, south, east, north]) {
  let points = [];
  for (let i = 0; i + 1 < ring.length; i += 2) points.push([ring[i] + turn, ring[i + 1]]);
  for (const [axis, limit, sign] of [[0, west, 1], [0, east, -1], [1, south, 1], [1, north, -1]]) {
    points = cutAt(points, axis, limit, sign);
  }
  return points.flat();
}

function cutAt(points, axis, limit, sign) {
  const isInside = (point) => sign * (point[axis] - limit) >= 0;
  const kept = [];
  points.forEach((point, i) => {
    const before = points[(i || points.length) - 1];
    if (isInside(point) !== isInside(before)) kept.push(crossing(before, point, axis, limit));
    if (isInside(point)) kept.push(point);
  });
  return kept;
}

function crossing(from, to, axis, limit) {
  const share = (limit - from[axis]) / (to[axis] - from[axis]);
  const other = from[1 - axis] + share * (to[1 - axis] - from[1 - axis]);
  return axis ? [other, limit] : [limit, other];
}

/**
 * @param {number[]} ring @param {number} longest In degrees.
 * @returns {number[]} The same ring with points in between, so that projected it bends as it should.
 */
export function densified(ring, longest) {
  const dense = [];
  for (let i = 0; i + 1 < ring.length; i += 2) {
    const next = (i + 2) % ring.length;
    const [dx, dy] = [ring[next] - ring[i], ring[next + 1] - ring[i + 1]];
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)) / longest));
    for (let s = 0; s < steps; s += 1) dense.push(ring[i] + (dx * s) / steps, ring[i + 1] + (dy * s) / steps);
  }
  return dense;
}
