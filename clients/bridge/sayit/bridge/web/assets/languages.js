/** The languages that can be spoken: the service's list. */

/** Shown without asking for more. */
export const FREQUENT = ["ko", "en", "ja", "zh"];

const ALL =
  "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy sk te fa lv " +
  "bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa " +
  "lb my bo tl mg as tt haw ln ha ba jw su yue";

/** @typedef {{tag: string, name: string, own: string}} Spoken `own`: its name in itself */

/**
 * A language's name; the tag where the browser knows none.
 *
 * @param {string} tag
 * @param {string} within the language of the name
 */
export function nameOf(tag, within) {
  const standard = tag === "jw" ? "jv" : tag; // Whisper's tag for Javanese is an old one
  try {
    return new Intl.DisplayNames([within], { type: "language" }).of(standard) ?? tag;
  } catch {
    return tag;
  }
}

/**
 * Languages whose name, own name or tag holds what was typed, in the order of their names.
 *
 * @param {string} typed
 * @param {string} within the page's language
 * @returns {Spoken[]}
 */
export function spokenLanguages(typed, within) {
  const wanted = folded(typed.trim());
  return ALL.split(" ")
    .map((tag) => ({ tag, name: nameOf(tag, within), own: nameOf(tag, tag) }))
    .filter(({ tag, name, own }) => tag === wanted || folded(name).includes(wanted) || folded(own).includes(wanted))
    .sort((a, b) => a.name.localeCompare(b.name, within));
}

/** Without case and accents. @param {string} text */
function folded(text) {
  return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").normalize("NFC").toLowerCase();
}
