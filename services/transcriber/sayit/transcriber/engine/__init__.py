"""The engine: audio of chunks in, text with times out.

Pure and model-free:
    `result`    what a chunk's decoding yields, and the ports' error
    `request`   who waits for a chunk, and how far the engine is with it
    `fallback`  one window's attempts: beam search first, then sampling, until a result passes the thresholds
    `decoding`  one chunk's windows: where the next one starts, its prompt, which text is kept
    `language`  which language a stretch is in, of those that it may be in
    `changes`   where a window changes its language
    `trial`     one window in several languages, and which text is kept
    `cost`      how long a call of the decoder takes, learned
    `table`     which chunks may use the model, and who waits
    `planning`  which call comes next, for which of them
With a model:
    `decode_session`   one chunk's decoding: which call of the model it is ready for
    `language_search`  which languages its windows, and passages of them, are in
    `engine`    the threads that prepare chunks and call the model
    `calling`   makes one call and hands its answers out
    `warming`   the first time of everything
    `whisper`   the only module that touches CTranslate2 and faster-whisper; loaded by `Engine.load`

The decoding never calls the model: it says what it needs next and takes the answer. So windows of several chunks can be
in one call of the model.
"""

from sayit.transcriber.engine.batcher import BatchLimits
from sayit.transcriber.engine.engine import Engine
from sayit.transcriber.engine.request import EngineRequest
from sayit.transcriber.engine.result import DecodedChunk, EngineCancelled

__all__ = ["BatchLimits", "DecodedChunk", "Engine", "EngineCancelled", "EngineRequest"]
