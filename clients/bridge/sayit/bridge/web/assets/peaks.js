/** How loud a recording is over its length. */

const BUCKETS = 1200;
/** Decoded at a low rate, an hour of stereo takes about 230 MB for a moment. */
const LONGEST_S = 3600;
const LARGEST_BYTES = 110 * 2 ** 20;
const RATE_HZ = 8000;

/**
 * @param {Blob} blob
 * @returns {Promise<Float32Array | null>} float32[1200], 0 to 1, the loudest is 1; null if it is too long or cannot be decoded
 */
export async function measure(blob) {
  if (blob.size > LARGEST_BYTES || (await lengthOf(blob)) > LONGEST_S) return null;
  try {
    const context = new OfflineAudioContext(1, 1, RATE_HZ);
    const audio = await context.decodeAudioData(await blob.arrayBuffer());
    return peaks(audio.getChannelData(0), audio.numberOfChannels > 1 ? audio.getChannelData(1) : null);
  } catch {
    return null;
  }
}

/** @param {Blob} blob @returns {Promise<number>} seconds as its header says, 0 if it does not */
function lengthOf(blob) {
  return new Promise((resolve) => {
    const probe = new Audio();
    const url = URL.createObjectURL(blob);
    const done = () => {
      URL.revokeObjectURL(url);
      resolve(Number.isFinite(probe.duration) ? probe.duration : 0);
    };
    probe.preload = "metadata";
    probe.onloadedmetadata = probe.onerror = done;
    probe.src = url;
  });
}

/**
 * @param {Float32Array} left
 * @param {Float32Array | null} right
 */
function peaks(left, right) {
  const found = new Float32Array(BUCKETS);
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const from = Math.floor((bucket * left.length) / BUCKETS);
    const to = Math.max(from + 1, Math.floor(((bucket + 1) * left.length) / BUCKETS));
    let sum = 0;
    for (let index = from; index < to && index < left.length; index++) {
      sum += left[index] ** 2 + (right ? right[index] ** 2 : 0);
    }
    found[bucket] = Math.sqrt(sum / (to - from));
  }
  const loudest = found.reduce((most, each) => Math.max(most, each), 0) || 1;
  return found.map((each) => each / loudest);
}
