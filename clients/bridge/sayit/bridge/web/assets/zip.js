/** A zip archive of files that are stored as they are. Pure. */

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/**
 * A date and a time as MS-DOS has them: two seconds exact, from 1980 on, without a zone.
 *
 * @param {Date} at
 */
function dosTime(at) {
  const date = ((Math.max(1980, at.getFullYear()) - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  return [(at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1), date];
}

/**
 * Fields of two and four bytes in little endian.
 *
 * @param {[size: 2 | 4, value: number][]} fields
 */
function packed(fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

/** Names are UTF-8. */
const UTF8 = 0x0800;
const VERSION = 20;

/**
 * @param {{name: string, content: Uint8Array<ArrayBuffer>, at: Date}[]} files at most 65,535, and 4 GB together
 * @returns {Blob}
 */
export function zipped(files) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const body = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const directory = [];
  let offset = 0;
  for (const { name, content, at } of files) {
    const [path, [time, date]] = [new TextEncoder().encode(name), dosTime(at)];
    /** @type {[2 | 4, number][]} */
    const common = [[2, VERSION], [2, UTF8], [2, 0], [2, time], [2, date], [4, crc32(content)], [4, content.length], [4, content.length], [2, path.length], [2, 0]];
    body.push(packed([[4, 0x04034b50], ...common]), path, content);
    directory.push(packed([[4, 0x02014b50], [2, VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), path);
    offset += 30 + path.length + content.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]]);
  return new Blob([...body, ...directory, end], { type: "application/zip" });
}

/**
 * Names for files of one folder: without what file systems refuse, and each once.
 *
 * @param {string[]} wanted
 * @param {string} otherwise a name for what has none
 */
export function distinct(wanted, otherwise) {
  /** @type {Set<string>} */
  const taken = new Set();
  return wanted.map((name) => {
    const plain = name.replace(/[\\/:*?"<>|\x00-\x1f]/g, " ").replace(/^[\s.]+|[\s.]+$/g, "").slice(0, 120) || otherwise;
    let [found, n] = [plain, 1];
    while (taken.has(found.toLowerCase())) found = `${plain} (${++n})`;
    taken.add(found.toLowerCase());
    return found;
  });
}
