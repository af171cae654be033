"""A CTranslate2 Whisper folder of exactly Whisper Small's shape, with random weights: the same arithmetic, no words.

    python benchmarks/small_shaped.py OUT_DIR

About 250 MB of int8 in about 15 s, with NumPy alone. Benchmarks and tests about contention, cancellation, fairness and
overload use it: it costs what the real model costs, and no hub is needed. Build it where it is used; never commit it.

It always says the same amount. One dimension is reserved: the final layer norm writes a constant 1 into it, and the
embeddings of end of text, of every special token and of every timestamp hold -40 there, so that none of them ever wins
(the bundled micro model masks its unused tokens in the same way). The first token of a window has to be a timestamp in
Whisper, and then random text goes on to the limit: `max_tokens_per_window` tokens, one window of 30 s each. Its text
fails every threshold, so ask for one fixed temperature (`temperature=0`), or each window is decoded a second time, by
sampling.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ctranslate2.converters.utils import fuse_linear
from ctranslate2.specs import common_spec, whisper_spec
from tokenizers import Tokenizer

from sayit.transcriber.models import bundled, missing_files

#: Mel bands, audio positions and text positions of every Whisper up to large-v2.
MELS, AUDIO_POSITIONS, TEXT_POSITIONS = 80, 1_500, 448
#: Tokens of Whisper's multilingual vocabulary; end of text and everything special starts at END_OF_TEXT.
VOCABULARY, END_OF_TEXT = 51_865, 50_257
#: The languages among the special tokens.
LANGUAGES = range(50_259, 50_358)
#: Standard deviation of the weights; as in Whisper's own initialisation, small enough for a stable forward pass.
SCALE = 0.02
#: What masked tokens hold in the reserved dimension.
MASK = -40.0

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A Whisper's size."""

    #: Width of the model; a head takes 64 of it.
    width: int
    #: Layers of the encoder, and of the decoder.
    layers: int
    heads: int
    #: Whether only text may win. Without it windows end anywhere and resume, as a confused model's do.
    text_only: bool = True


#: Whisper Small: 244 million parameters.
SMALL = Shape(width=768, layers=12, heads=12)


def build(out: Path, shape: Shape = SMALL) -> None:
    """Writes the folder, all of it or nothing; does nothing if it is already there.

    Args:
        out: the folder to make; its parent must be on the disk that may hold 250 MB.
        shape: the model's size.
    """
    if out.is_dir() and not missing_files(out):
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _save(_spec(shape), temporary)
        try:
            temporary.rename(out)
        except OSError:
            # Another process was faster; its folder is as good, as the weights are always the same.
            if missing_files(out):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _spec(shape: Shape) -> whisper_spec.WhisperSpec:
    """The whole model, quantized."""
    spec = whisper_spec.WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    weights = _Weights(shape.width)
    encoder, decoder = spec.encoder, spec.decoder
    weights.fill(encoder.conv1, shape.width, MELS, 3)
    weights.fill(encoder.conv2, shape.width, shape.width, 3)
    encoder.position_encodings.encodings = _sinusoids(AUDIO_POSITIONS, shape.width)
    weights.norm(encoder.layer_norm)
    for layer in encoder.layer:
        weights.attention(layer.self_attention, fused=3)
        weights.feed_forward(layer.ffn)
    decoder.scale_embeddings = False
    embeddings = weights.random(VOCABULARY, shape.width)
    weights.norm(decoder.layer_norm)
    if shape.text_only:
        embeddings[:, -1] = 0
        embeddings[END_OF_TEXT:] = 0
        embeddings[END_OF_TEXT:, -1] = MASK
        decoder.layer_norm.gamma[-1] = 0
        decoder.layer_norm.beta[-1] = 1
    # Tied, as in Whisper: the same numbers are stored once.
    decoder.embeddings.weight = decoder.projection.weight = embeddings
    decoder.position_encodings.encodings = weights.random(TEXT_POSITIONS, shape.width)
    for layer in decoder.layer:
        weights.attention(layer.self_attention, fused=3)
        weights.attention(layer.attention, fused=1)
        weights.feed_forward(layer.ffn)
    spec.register_vocabulary(_vocabulary())
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [220, END_OF_TEXT]
    upper = range(shape.layers // 2, shape.layers)
    spec.config.alignment_heads = [[layer, head] for layer in upper for head in range(shape.heads)]
    spec.config.lang_ids = list(LANGUAGES)
    spec.validate()
    spec.optimize(quantization="int8")
    return spec


class _Weights:
    """Random weights, the same ones every time."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._generator = np.random.default_rng(0)

    def random(self, *shape: int) -> Array:
        values = self._generator.standard_normal(shape, dtype=np.float32)
        values *= SCALE
        return values

    def fill(self, target: Any, *shape: int) -> None:
        """A linear layer or a convolution, weight[outputs, ...] and a bias of zeros."""
        target.weight = self.random(*shape)
        target.bias = np.zeros(shape[0], np.float32)

    def norm(self, target: Any) -> None:
        target.gamma = np.ones(self._width, np.float32)
        target.beta = np.zeros(self._width, np.float32)

    def feed_forward(self, target: Any) -> None:
        self.fill(target.linear_0, 4 * self._width, self._width)
        self.fill(target.linear_1, self._width, 4 * self._width)
        self.norm(target.layer_norm)

    def attention(self, target: Any, *, fused: int) -> None:
        """Query, key and value, the first `fused` of them in one matrix, and the output."""
        parts = [common_spec.LinearSpec() for _ in range(3)]
        for part in parts:
            self.fill(part, self._width, self._width)
        fuse_linear(target.linear[0], parts[:fused])
        if fused < len(parts):
            fuse_linear(target.linear[1], parts[fused:])
        self.fill(target.linear[-1], self._width, self._width)
        self.norm(target.layer_norm)


def _sinusoids(length: int, width: int) -> Array:
    """Whisper's positions of the encoder: sines, then cosines, of geometric wavelengths."""
    steps = np.exp(-np.log(10_000) / (width // 2 - 1) * np.arange(width // 2))
    angles = np.arange(length)[:, None] * steps[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _vocabulary() -> list[str]:
    """The tokens in the order of their ids."""
    tokenizer = Tokenizer.from_file(str(bundled().path / "tokenizer.json"))
    ids = {token: text for text, token in tokenizer.get_vocab(with_added_tokens=True).items()}
    return [ids[token] for token in range(VOCABULARY)]


def _save(spec: whisper_spec.WhisperSpec, folder: Path) -> None:
    spec.save(str(folder))
    shutil.copyfile(bundled().path / "tokenizer.json", folder / "tokenizer.json")
    features = {"feature_size": MELS, "sampling_rate": 16_000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(features), encoding="utf-8")
    # mkdtemp made it private; a model may be read by another user's service.
    os.chmod(folder, 0o755)  # noqa: PTH101 - of a folder that we just made


def main() -> None:
    """Writes the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="the folder to make; left alone if it is complete")
    out: Path = parser.parse_args().out
    started = time.perf_counter()
    build(out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {size / 1e6:.0f} MB in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
