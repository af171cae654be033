"""The engine: audio of chunks in, text with times out.

Pure and model-free:
    `result`    what a chunk's decoding yields, and the error of one that was cancelled
    `request`   one chunk that the engine holds: its lane, its future, and how far the engine is with it
    `window`    a stretch that is decoded at once: how it is padded, and the text that was found in it
    `fallback`  one window's steps: greedy, beam search, sampling, until a result passes the thresholds
    `windows`   one chunk's windows: where the next one starts, its prompt, which text is kept
    `loudness`  which frames of a chunk may be speech
    `pace`      whether a text is more than a voice can say in its time
    `language`  which language a stretch is in, of those that it may be in
    `language_segmentation`  where a window changes its language
    `cost_model`  how long a call of the decoder takes, learned
    `admission`  which chunks may use the model, and which wait
    `batcher`   which call comes next, for which of them
With a model:
    `decode_session`   one chunk's decoding: which call of the model it is ready for
    `language_search`  which languages its windows, and passages of them, are in, and which text is kept
    `engine`    the threads that prepare chunks and call the model
    `executor`  makes one call and gives its answers to the chunks
    `warm_up`   runs every kind of call once before the first chunk
    `model`     the only module that imports CTranslate2 and faster-whisper; loaded by `Engine.load`

The decoding never calls the model: it says what it needs next and takes the answer. So windows of several chunks can be
in one call of the model.
"""

from sayit.transcriber.engine.batcher import BatchLimits
from sayit.transcriber.engine.engine import Engine
from sayit.transcriber.engine.fallback import PLAIN_POLICY, DecodePolicy
from sayit.transcriber.engine.request import EngineRequest, Lane
from sayit.transcriber.engine.result import DecodedChunk, EngineCancelled

__all__ = [
    "PLAIN_POLICY",
    "BatchLimits",
    "DecodePolicy",
    "DecodedChunk",
    "Engine",
    "EngineCancelled",
    "EngineRequest",
    "Lane",
]
