"""Silero VAD v6, run block by block on the network that faster-whisper brings along.

The network is a small LSTM over frames of 512 samples, each preceded by the last 64 samples of the frame before.
Carrying the LSTM's state and those 64 samples from call to call makes block-wise results identical to one call over
everything, in constant memory; faster-whisper's own wrapper resets both on every call.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

_FRAME = 512
_CONTEXT = 64
_STATE_SHAPE = (1, 1, 128)
_SCALE = np.float32(1 / 32768)


class SileroDetector:
    """Voice probabilities of one recording; a new recording takes a new detector (the network itself is shared).

    Raises:
        FileNotFoundError: faster-whisper, or the network in it, is not installed.
    """

    def __init__(self) -> None:
        self._session = _session()
        self._context = np.zeros(_CONTEXT, np.float32)
        self._h = np.zeros(_STATE_SHAPE, np.float32)
        self._c = np.zeros(_STATE_SHAPE, np.float32)

    def probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Probabilities `float32[n]` of the next `int16[n * 512]` samples at 16 kHz.

        Raises:
            ValueError: the samples are not whole frames.
        """
        if len(samples) % _FRAME:
            raise ValueError(f"{len(samples)} samples are not whole frames of {_FRAME}")
        if not len(samples):
            return np.zeros(0, np.float32)
        frames = (samples.astype(np.float32) * _SCALE).reshape(-1, _FRAME)
        contexts = np.concatenate([self._context[None], frames[:-1, -_CONTEXT:]])
        self._context = frames[-1, -_CONTEXT:].copy()
        given = {"input": np.concatenate([contexts, frames], axis=1), "h": self._h, "c": self._c}
        found, self._h, self._c = self._session.run(None, given)
        return np.asarray(found, np.float32).reshape(-1)


@cache
def _session() -> Any:
    """The loaded network; sessions hold no state, so every detector of the process shares it."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(_network()), providers=["CPUExecutionProvider"], sess_options=options)


def _network() -> Path:
    """The network's file. The package is only located, not imported: importing it would load CTranslate2 as well."""
    spec = importlib.util.find_spec("faster_whisper")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        for file in sorted((Path(folder) / "assets").glob("silero_vad_v*.onnx"), reverse=True):
            return file
    raise FileNotFoundError("faster-whisper's Silero network (assets/silero_vad_v*.onnx) is not installed")
