/** What the page is to show: `config.json` beside it, checked. */

export const FORMAT = 1;

/**
 * @typedef {object} Config
 * @property {string} title
 * @property {Output[]} outputs The output first, then the mosaics of its areas.
 * @property {SceneRule[]} scenes Where scenes can be read, by the beginning of their addresses.
 * @property {URL|null} explain Answers ?store=&row=&col= with what is known of a pixel.
 * @property {{url: string, attribution: string}|null} basemap
 */

/**
 * @typedef {object} Output
 * @property {string} name Empty: mosaics of scenes.
 * @property {import('./data/place.js').Place} place
 * @property {string} catalogue
 * @property {string|null} objects
 * @property {string} path What goes before the paths of its mosaics where the server is asked of one.
 */

/** @typedef {{prefix: string, href: string}} SceneRule */

/** @typedef {(base: URL) => import('./data/place.js').Place} Opener */

/**
 * @param {unknown} found What config.json holds.
 * @param {URL} base Its address.
 * @param {Opener} open
 * @returns {Config}
 * @throws {Error} That says what is wrong with it.
 */
export function checkedConfig(found, base, open) {
  if (!isObject(found)) throw new Error(`config.json holds ${JSON.stringify(found)}, and no object`);
  if (found.format_version !== FORMAT) {
    throw new Error(
      `config.json is of format ${found.format_version}, this page reads ${FORMAT}: take both from one version`,
    );
  }
  const first = output('', found.output, found, base, open);
  const areas = list(found, 'areas').map((area) => output(text(area, 'name'), area.output, area, base, open));
  return {
    title: text(found, 'title'),
    outputs: [first, ...areas],
    scenes: list(found, 'scenes').map((rule) => ({ prefix: text(rule, 'prefix'), href: text(rule, 'href') })),
    explain: found.explain ? new URL(text(found, 'explain'), base) : null,
    basemap: isObject(found.basemap)
      ? { url: text(found.basemap, 'url'), attribution: text(found.basemap, 'attribution') }
      : null,
  };
}

/**
 * @param {string} uri A scene's address as the catalogue has it.
 * @param {SceneRule[]} rules
 * @param {URL} base
 * @returns {URL|null} Where the page can read it; null: nowhere.
 */
export function sceneAddress(uri, rules, base) {
  const rule = rules.find(({ prefix }) => uri.startsWith(prefix));
  if (!rule) return null;
  if (rule.href.includes('{uri}')) return new URL(rule.href.replace('{uri}', () => encodeURIComponent(uri)), base);
  const rest = uri.slice(rule.prefix.length).split('/').map(encodeURIComponent).join('/');
  return new URL(rule.href + rest, base);
}

function output(name, address, found, base, open) {
  if (typeof address !== 'string' || !address.endsWith('/')) {
    throw new Error(`"output" of config.json must end with "/", it is ${JSON.stringify(address)}`);
  }
  return {
    name,
    place: open(new URL(address, base)),
    catalogue: found.catalogue ?? 'catalogue.parquet',
    objects: found.objects ?? null,
    path: found.path ?? '',
  };
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(found, key) {
  if (typeof found?.[key] !== 'string') {
    throw new Error(`"${key}" of config.json must be text, it is ${JSON.stringify(found?.[key])}`);
  }
  return found[key];
}

function list(found, key) {
  const value = found[key] ?? [];
  if (!Array.isArray(value)) throw new Error(`"${key}" of config.json must be a list`);
  return value;
}
