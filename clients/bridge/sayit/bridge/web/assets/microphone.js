/**
 * Runs beside the page, where audio is processed: the microphone as 16-bit samples, at a whole fraction of its rate, in blocks. The
 * message "end" is answered with what is left and null.
 */

const { AudioWorkletProcessor, registerProcessor } = /** @type {any} */ (globalThis);

class Microphone extends AudioWorkletProcessor {
  /** @param {{processorOptions: {factor: number, block: number}}} options `factor`: samples that become one; `block`: their number */
  constructor({ processorOptions: { factor, block } }) {
    super();
    this.factor = factor;
    this.block = new Int16Array(block);
    this.at = 0;
    this.sum = 0;
    this.summed = 0;
    this.port.onmessage = () => {
      this.post();
      this.port.postMessage(null);
    };
  }

  /** @param {Float32Array[][]} inputs */
  process([[samples = new Float32Array()]]) {
    for (const sample of samples) {
      this.sum += sample;
      if (++this.summed < this.factor) continue;
      const mean = Math.max(-1, Math.min(1, this.sum / this.factor));
      this.sum = this.summed = 0;
      this.block[this.at++] = Math.round(mean * 0x7fff);
      if (this.at === this.block.length) this.post();
    }
    return true;
  }

  post() {
    if (this.at) this.port.postMessage(this.block.slice(0, this.at));
    this.at = 0;
  }
}

registerProcessor("microphone", Microphone);
