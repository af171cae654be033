/** Files and folders that are dropped anywhere on the page. */

/** What is taken out of a folder; a file that was dropped itself is always sent, and refused with a sentence. */
const AUDIO = /\.(mp3|wav|m4a|mp4|mov|mkv|aac|flac|ogg|oga|opus|webm)$/i;

/**
 * Takes drops from now on. While files are over the page, the root element has the class `dropping`.
 *
 * @param {(files: File[]) => void} take
 */
export function acceptDrops(take) {
  let depth = 0;
  const over = (/** @type {number} */ now) => {
    depth = now;
    document.documentElement.classList.toggle("dropping", depth > 0);
  };
  const on = (/** @type {"dragenter" | "dragleave" | "dragover" | "drop"} */ name, /** @type {(event: DragEvent) => void} */ act) =>
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return; // text may be dragged into fields
      event.preventDefault();
      act(event);
    });
  on("dragenter", () => over(depth + 1));
  on("dragleave", () => over(depth - 1));
  on("dragover", () => {});
  on("drop", (event) => {
    over(0);
    void droppedFiles(/** @type {DataTransfer} */ (event.dataTransfer)).then((files) => files.length && take(files));
  });
}

/**
 * The dropped files, and the recordings in dropped folders, in the order of their names.
 *
 * @param {DataTransfer} data read before the first await: it is empty afterwards
 * @returns {Promise<File[]>}
 */
async function droppedFiles(data) {
  const items = [...data.items].filter(({ kind }) => kind === "file");
  const dropped = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  const found = await Promise.all(
    dropped.map(async ({ entry, file }) => (entry?.isDirectory ? inFolder(entry) : file ? [file] : [])),
  );
  return found.flat();
}

/**
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>} what cannot be read is left out
 */
async function inFolder(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    if (!AUDIO.test(entry.name)) return [];
    return new Promise((resolve) =>
      /** @type {FileSystemFileEntry} */ (entry).file(
        (file) => resolve([file]),
        () => resolve([]),
      ),
    );
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {FileSystemEntry[]} */
  const entries = [];
  for (;;) {
    // A call returns some of them, at most 100 in Chromium; the last one none.
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) break;
    entries.push(...some);
  }
  entries.sort((a, b) => a.name.localeCompare(b.name));
  return (await Promise.all(entries.map(inFolder))).flat();
}
