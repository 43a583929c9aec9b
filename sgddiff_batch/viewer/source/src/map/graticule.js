/** Meridians and parallels in the plane of the map, with their degrees at its edges. */

import { Drawing } from './canvas_layer.js';

const STEPS = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
/** About how far lines are apart. */
const APART_PX = 160;
const POINTS = 24;

/** @returns {import('./land.js').Drawn} */
export function graticuleLayer(theme) {
  let plane = null;
  let colours = theme;
  const layer = new Drawing((context, matrix, frame) => {
    if (plane?.isOnGlobe) draw(context, matrix, frame, plane, colours);
  });
  return { layer, setTheme: (now) => (colours = now), setPlane: (now) => (plane = now) };
}

function draw(context, matrix, frame, plane, colours) {
  const seen = degreesSeen(frame.extent, plane);
  if (!seen) return;
  const { lines, step } = linesOf(seen, frame);
  context.lineWidth = 0.75;
  context.strokeStyle = colours.grid;
  context.font = '11px system-ui, sans-serif';
  for (const line of lines) {
    const points = line.points.map(([lon, lat]) => onScreen(plane.fromGlobe(lon, lat), matrix));
    stroke(context, points);
    label(context, points, line, step, frame.size, colours);
  }
}

/** @returns {number[]|null} [west, south, east, north] of what is in view; past 180 across the antimeridian. */
export function degreesSeen([left, bottom, right, top], plane) {
  const middle = plane.toGlobe((left + right) / 2, (bottom + top) / 2);
  const seen = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i <= 6; i += 1) {
    for (let j = 0; j <= 6; j += 1) {
      const point = plane.toGlobe(left + ((right - left) * i) / 6, bottom + ((top - bottom) * j) / 6);
      if (!point) continue;
      const lon = middle ? point[0] + 360 * Math.round((middle[0] - point[0]) / 360) : point[0];
      seen[0] = Math.min(seen[0], lon);
      seen[1] = Math.max(-90, Math.min(seen[1], point[1]));
      seen[2] = Math.max(seen[2], lon);
      seen[3] = Math.min(90, Math.max(seen[3], point[1]));
    }
  }
  return seen[0] < seen[2] ? seen : null;
}

function linesOf([west, south, east, north], { size }) {
  const wanted = ((north - south) * APART_PX) / size[1];
  const step = STEPS.filter((candidate) => candidate >= wanted).pop() ?? STEPS[0];
  const lines = [];
  const along = (from, to, point) => Array.from({ length: POINTS + 1 }, (_, i) => point(from + ((to - from) * i) / POINTS));
  for (let lon = Math.ceil(west / step) * step; lon <= east && lines.length < 200; lon += step) {
    lines.push({ isMeridian: true, at: lon, points: along(south, north, (lat) => [lon, lat]) });
  }
  for (let lat = Math.ceil(south / step) * step; lat <= north && lines.length < 400; lat += step) {
    lines.push({ isMeridian: false, at: lat, points: along(west, east, (lon) => [lon, lat]) });
  }
  return { lines, step };
}

function onScreen(point, m) {
  if (!point) return null;
  return [m[0] * point[0] + m[2] * point[1] + m[4], m[1] * point[0] + m[3] * point[1] + m[5]];
}

function stroke(context, points) {
  context.beginPath();
  let isDown = false;
  for (const point of points) {
    if (point && isDown) context.lineTo(...point);
    else if (point) context.moveTo(...point);
    isDown = Boolean(point);
  }
  context.stroke();
}

/** Meridians have their degrees at the lower edge, parallels at the left one. */
function label(context, points, line, step, [width, height], colours) {
  const [edge, axis] = line.isMeridian ? [height - 6, 1] : [6, 0];
  const place = crossing(points, axis, edge);
  if (!place || place[0] < 0 || place[0] > width - 40 || place[1] < 12 || place[1] > height) return;
  const text = degreesText(line, step);
  context.strokeStyle = colours.halo;
  context.lineWidth = 3;
  context.strokeText(text, place[0] + 3, place[1] - 3);
  context.fillStyle = colours.ink;
  context.fillText(text, place[0] + 3, place[1] - 3);
  context.strokeStyle = colours.grid;
  context.lineWidth = 0.75;
}

function crossing(points, axis, edge) {
  for (let i = 1; i < points.length; i += 1) {
    const [from, to] = [points[i - 1], points[i]];
    if (!from || !to || from[axis] > edge === to[axis] > edge) continue;
    const share = (edge - from[axis]) / (to[axis] - from[axis]);
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
  }
  return null;
}

function degreesText({ isMeridian, at }, step) {
  const value = isMeridian ? ((((at + 180) % 360) + 360) % 360) - 180 : at;
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const side = isMeridian ? (value < 0 ? 'W' : 'E') : value < 0 ? 'S' : 'N';
  return `${Math.abs(value).toFixed(digits)}° ${Number(Math.abs(value).toFixed(digits)) ? side : ''}`.trim();
}
