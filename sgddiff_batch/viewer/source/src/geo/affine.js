/**
 * Affine transforms as `spatial:transform` writes them: [a, b, c, d, e, f] with x = a col + b row + c,
 * y = d col + e row + f.
 *
 * @typedef {number[]} Affine
 */

/** @param {Affine} t @returns {[number, number]} */
export function applied([a, b, c, d, e, f], x, y) {
  return [a * x + b * y + c, d * x + e * y + f];
}

/** @param {Affine} t @returns {Affine} @throws {Error} If it has no inverse. */
export function inverted([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  if (!Number.isFinite(det) || det === 0) throw new Error(`the transform ${[a, b, c, d, e, f]} has no inverse`);
  return [e / det, -b / det, (b * f - e * c) / det, -d / det, a / det, (d * c - a * f) / det];
}

/** @param {Affine} t @returns {boolean} Whether pixels are squares along the axes: no other plane is needed. */
export function isUpright([a, b, , d, e]) {
  return a > 0 && b === 0 && d === 0 && Math.abs(a - Math.abs(e)) <= 1e-9 * a;
}

/** @param {Affine} t @returns {boolean} Whether rows go up where columns go right, so that a picture is mirrored. */
export function isMirrored([a, b, , d, e]) {
  return a * e - b * d > 0;
}
