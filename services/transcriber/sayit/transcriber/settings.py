"""The transcriber's settings."""

from __future__ import annotations

import os

from pydantic import Field, SecretStr, field_validator

from sayit.chassis.settings import ServiceSettings
from sayit.speech.chunk_queue import PREFETCHED, PREFIX, PREFIX_PATTERN
from sayit.speech.errors import SayItError
from sayit.speech.language_names import normal_language

#: More threads gain little on one Whisper; more processes do.
_MOST_DEFAULT_THREADS = 4


class TranscriberSettings(ServiceSettings):
    """All settings of a transcriber."""

    transcriber_listen: str = Field(
        default="127.0.0.1:0", description="host:port of the transcriber's health service; port 0: any free one."
    )
    scheduler_address: str = Field(
        default="127.0.0.1:50052",
        description="Where the others reach the scheduler: host:port. Several schedulers: a DNS name that stands for "
        "all of them, or ip:port,ip:port.",
    )
    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"), description="Redis or Valkey: queue, wake-ups, events."
    )
    redis_prefix: str = Field(
        PREFIX,
        pattern=PREFIX_PATTERN,
        description="What the names of keys and channels in Redis begin with: installations that share one need "
        "different ones, all services of one the same.",
    )
    model: str = Field(
        default="small",
        description="The model a transcriber holds: a name that is on this machine, or a CTranslate2 Whisper folder.",
    )
    model_name: str = Field(
        default="", description="What requests call the transcriber's model; empty: its name, or its folder's."
    )
    threads: int = Field(
        default=0,
        ge=0,
        description="Threads of a transcriber's engine; transcribers x threads should not exceed the physical cores. "
        "0: one per core, at most 4.",
    )
    compute_type: str = Field(
        default="int8", description="CTranslate2's compute type: int8, int8_float32, float32, default, ..."
    )
    batch: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Windows of 30 s that a transcriber decodes in one call of its model when there is a backlog. More "
        "take more memory: warm, with Whisper Small in int8, 0.8 GB with 1, 1.0 GB with 4, 1.5 GB with 8.",
    )
    slots: int = Field(
        default=0,
        ge=0,
        le=128,
        description="Chunks that a transcriber holds at once, on the engine or waiting with their features. "
        "0: two more than the batch.",
    )
    short_windows: bool = Field(
        default=True,
        description="Pads short audio to 5 s more than its length instead of 30 s, which saves most of its encoding; "
        "what looks like a loop is decoded again with 30 s. 0 for a model that does not bear it.",
    )
    greedy_first: bool = Field(
        default=True,
        description="Decodes audio of at most 11 s greedily first, and by beam search where that text is in doubt. "
        "0: always by beam search, as the request says.",
    )
    languages: str = Field(
        default="",
        description="Languages that may be detected where a request names none, separated by commas, such as ko,en. "
        "Empty: all that the model knows.",
    )
    call_s: float = Field(
        default=5.0,
        ge=0,
        description="Longest call of the model in seconds while interactive work is in it or waits; a batch is kept "
        "small enough for it. 0: no limit.",
    )
    bulk_call_s: float = Field(
        default=20.0, ge=0, description="Longest call of the model in seconds at other times. 0: no limit."
    )
    memory_limit_mb: int = Field(
        default=0,
        ge=0,
        description="Memory in MB above which a transcriber takes no more work, finishes what it holds and ends, to be "
        "started again. 0: twice what it takes once its model is warm, and 512 MB.",
    )
    stuck_after_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds after which a call of the model counts as stuck, or making a chunk ready for it, and the "
        "transcriber as not serving.",
    )

    @field_validator("languages")
    @classmethod
    def _codes(cls, listed: str) -> str:
        try:
            return ",".join(normal_language(tag) for tag in listed.split(",") if tag.strip())
        except SayItError as error:
            raise ValueError(error.message("en")) from error

    def usual_languages(self) -> tuple[str, ...]:
        """Codes of the languages that may be detected; empty for all."""
        return tuple(filter(None, self.languages.split(",")))

    def engine_threads(self) -> int:
        """The engine's threads."""
        return self.threads or min(_MOST_DEFAULT_THREADS, os.cpu_count() or 1)

    def held_chunks(self) -> int:
        """Chunks that are held at once."""
        return self.slots or self.batch + PREFETCHED
