/** The colours of what the map draws: those of the page's style, light or dark. */

const NAMES = ['sea', 'land', 'coast', 'grid', 'ink', 'halo', 'done', 'quarantined', 'other', 'chosen', 'object'];

/** @returns {Record<string, string>} By the names of the custom properties `--map-...`. */
export function themeNow() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--map-${name}`).trim()]));
}

/** @param {() => void} changed Called when the colours change. */
export function onTheme(changed) {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}
