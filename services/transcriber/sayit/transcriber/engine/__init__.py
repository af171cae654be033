"""The engine: audio of one chunk in, text with times out.

Pure and model-free:
    `result`    what a chunk's decoding yields, and the ports' error
    `fallback`  one window's attempts: beam search first, then sampling, until a result passes the thresholds
    `decoding`  one chunk's windows: where the next one starts, its prompt, which text is kept
    `language`  which language the model's probabilities mean
With a model:
    `engine`    drives the decoding of one chunk at a time
    `whisper`   the only module that touches CTranslate2 and faster-whisper; loaded by `Engine.load`

The decoding never calls the model: it says what it needs next and takes the answer. So a batcher can hold the decodings
of several chunks and put their windows into one call of the model without a change to them.
"""

from sayit.transcriber.engine.engine import Engine
from sayit.transcriber.engine.result import ChunkText, EngineCancelled

__all__ = ["ChunkText", "Engine", "EngineCancelled"]
