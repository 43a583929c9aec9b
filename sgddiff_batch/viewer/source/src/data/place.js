/** Where files are read from: an address, or a folder that was chosen by hand. */

/**
 * @typedef {object} Place
 * @property {(path: string) => Promise<Uint8Array|undefined>} read A whole file; undefined: there is none.
 * @property {(path: string, range: Range) => Promise<Uint8Array|undefined>} readRange
 * @property {(path: string) => Promise<number>} size In bytes.
 * @property {(path: string) => Promise<boolean>} isThere By now.
 */

/** @typedef {{offset: number, length: number}|{suffixLength: number}} Range In bytes. */

/** A file that is asked for must be there, and is not, or may not be read. */
export class MissingError extends Error {}

/** A file of which parts were read is another one now, or gone. */
export class ChangedError extends Error {
  /** @param {string} path */
  constructor(path) {
    super(`${path} has changed since this page was opened: load the page again`);
  }
}

/** Files below an address, by HTTP. */
export class HttpPlace {
  /** @param {URL} base Ends with "/". */
  constructor(base) {
    this.base = base;
    this.isOurs = base.origin === location.origin;
    this.sizes = new Map();
    this.versions = new Map();
  }

  async read(path) {
    const answer = await fetch(this.#address(path));
    if (isMissing(answer)) return undefined;
    return bytesOf(answer);
  }

  async readRange(path, range) {
    const headers = { Range: await this.#header(path, range), ...this.#asSeen(path) };
    const answer = await fetch(this.#address(path), { headers });
    if (isMissing(answer) && !this.versions.has(path)) return undefined;
    if (isMissing(answer) || answer.status === 412 || this.#isAnother(path, answer)) throw new ChangedError(path);
    const bytes = await bytesOf(answer);
    // A server that does not know ranges answers with the whole file.
    return answer.status === 206 ? bytes : cut(bytes, range);
  }

  async size(path) {
    const known = this.sizes.get(path);
    if (known !== undefined) return known;
    const answer = await fetch(this.#address(path), { method: 'HEAD' });
    const length = answer.headers.get('Content-Length');
    if (!answer.ok || length === null) throw new MissingError(`${path}: ${answer.status} ${answer.statusText}`);
    this.sizes.set(path, Number(length));
    this.versions.set(path, answer.headers.get('ETag'));
    return Number(length);
  }

  async isThere(path) {
    const answer = await fetch(this.#address(path), { method: 'HEAD', cache: 'no-cache' });
    return !isMissing(answer);
  }

  /** Parts of one file are of one version; another server would be asked twice for the leave to be told which. */
  #asSeen(path) {
    const version = this.isOurs && this.sizes.has(path) ? this.versions.get(path) : null;
    return version ? { 'If-Match': version } : {};
  }

  /** Files whose size nobody asked for (shards) are told apart by the answers: with a condition none is cached. */
  #isAnother(path, answer) {
    const [before, now] = [this.versions.get(path), answer.headers.get('ETag')];
    if (!this.isOurs || !answer.ok || !now) return false;
    if (!before) this.versions.set(path, now);
    return Boolean(before) && before !== now;
  }

  #address(path) {
    return new URL(path.split('/').map(encodeURIComponent).join('/'), this.base);
  }

  /** Of another server the end of a file is asked for by its size: a suffix needs one more request, too. */
  async #header(path, range) {
    if ('offset' in range) return `bytes=${range.offset}-${range.offset + range.length - 1}`;
    if (this.isOurs) return `bytes=-${range.suffixLength}`;
    const size = await this.size(path).catch(() => 0);
    return size ? `bytes=${Math.max(0, size - range.suffixLength)}-${size - 1}` : `bytes=-${range.suffixLength}`;
  }
}

/** Files of a folder that was chosen in the browser. */
export class FolderPlace {
  /** @param {Map<string, File>} files By their paths below the folder. @param {string} [prefix] */
  constructor(files, prefix = '') {
    this.files = files;
    this.prefix = prefix;
  }

  async read(path) {
    const file = this.files.get(this.prefix + path);
    return file && new Uint8Array(await file.arrayBuffer());
  }

  async readRange(path, range) {
    const file = this.files.get(this.prefix + path);
    if (!file) return undefined;
    const [start, end] = limits(file.size, range);
    return new Uint8Array(await file.slice(start, end).arrayBuffer());
  }

  async isThere(path) {
    return this.files.has(this.prefix + path);
  }

  async size(path) {
    const file = this.files.get(this.prefix + path);
    if (!file) throw new MissingError(`the folder has no ${path}`);
    return file.size;
  }
}

/**
 * Objects that are not stored are holes. Object storage answers 403 for them to who may not list.
 *
 * @param {Response} answer
 */
function isMissing(answer) {
  return answer.status === 404 || answer.status === 403;
}

async function bytesOf(answer) {
  if (!answer.ok) throw new Error(await wordsOf(answer));
  return new Uint8Array(await answer.arrayBuffer());
}

/** @param {Response} answer That is no success. @returns {Promise<string>} Why, as our own server says it. */
export async function wordsOf(answer) {
  const told = await answer.json().catch(() => null);
  return typeof told?.error === 'string' ? told.error : `${answer.url}: ${answer.status} ${answer.statusText}`;
}

function cut(bytes, range) {
  const [start, end] = limits(bytes.length, range);
  return bytes.subarray(start, end);
}

function limits(size, range) {
  if ('offset' in range) return [range.offset, range.offset + range.length];
  return [Math.max(0, size - range.suffixLength), size];
}
