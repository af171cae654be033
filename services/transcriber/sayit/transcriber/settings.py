"""The transcriber's settings."""

from __future__ import annotations

import os

from pydantic import Field, SecretStr

from sayit.chassis.settings import ServiceSettings

#: More threads gain little on one Whisper; more processes do.
_MOST_DEFAULT_THREADS = 4


class TranscriberSettings(ServiceSettings):
    """What a transcriber can be told."""

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
    slots: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Chunks that a transcriber holds at once; one is on the engine, the others wait with their audio.",
    )
    stuck_after_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds on the engine after which a chunk counts as stuck and the transcriber as not serving.",
    )

    def engine_threads(self) -> int:
        """The engine's threads."""
        return self.threads or min(_MOST_DEFAULT_THREADS, os.cpu_count() or 1)
