/** Tables of Parquet, read column by column. */

import { decompress } from 'fzstd';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';

/** The end of a file that is read first: nearly always all of its description. */
const FOOTER_BYTES = 1 << 16;
/** Files of at most this size are read by one request. */
const WHOLE_BYTES = 1 << 18;

const compressors = { ZSTD: (bytes, size) => decompress(bytes, new Uint8Array(size)) };

/**
 * @typedef {object} Table
 * @property {import('hyparquet').AsyncBuffer} file
 * @property {import('hyparquet').FileMetaData} metadata
 * @property {boolean} isInMemory Whether all of it was read at once.
 */

/**
 * @param {import('./place.js').Place} place
 * @param {string} path
 * @returns {Promise<Table>}
 * @throws {Error} If it is not there, or no table.
 */
export async function openTable(place, path) {
  const byteLength = await place.size(path);
  const isInMemory = byteLength <= WHOLE_BYTES;
  const file = isInMemory ? whole(place, path, byteLength) : parts(place, path, byteLength);
  try {
    return { file, metadata: await parquetMetadataAsync(file, { initialFetchSize: FOOTER_BYTES }), isInMemory };
  } catch (error) {
    throw new Error(`${path} is no table that can be read (${error.message})`);
  }
}

/**
 * @param {Table} table
 * @param {string[]} columns Those that the table lacks are left out of the rows.
 * @param {{start: number, end: number}} [rows] All, if not given.
 * @returns {Promise<object[]>}
 */
export function readRows({ file, metadata }, columns, rows) {
  const there = new Set(metadata.schema.map(({ name }) => name));
  const range = rows ? { rowStart: rows.start, rowEnd: rows.end } : {};
  const asked = columns.filter((name) => there.has(name));
  return parquetReadObjects({ file, metadata, columns: asked, compressors, utf8: false, ...range });
}

/** @param {Table} table @param {string} column @returns {boolean} Whether it has such a column. */
export function has({ metadata }, column) {
  return metadata.schema.some(({ name }) => name === column);
}

/** @param {Table} table @param {string} column @returns {boolean} Whether it is known to have a value in every row. */
export function isAllThere({ metadata }, column) {
  return metadata.row_groups.every((group) => {
    const chunk = group.columns.find(({ meta_data: about }) => about?.path_in_schema.join('.') === column);
    return Number(chunk?.meta_data?.statistics?.null_count ?? 1) === 0;
  });
}

function whole(place, path, byteLength) {
  let bytes;
  return {
    byteLength,
    async slice(start, end = byteLength) {
      bytes ??= place.readRange(path, { offset: 0, length: byteLength });
      return buffer((await bytes).subarray(start, end));
    },
  };
}

function parts(place, path, byteLength) {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      return buffer(await place.readRange(path, { offset: start, length: end - start }));
    },
  };
}

function buffer(bytes) {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}
