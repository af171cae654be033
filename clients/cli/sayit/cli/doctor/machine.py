"""Checks of the machine: cores, vector units, memory, disk, limits, the address, a running suite."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sayit.chassis.start import StartError, check_free
from sayit.cli import paths
from sayit.cli.doctor.findings import Finding, fail, ok, warn
from sayit.cli.local_suite import health_checks, lock
from sayit.cli.local_suite.resources import (
    TRANSCRIBER_BYTES,
    cpu_info,
    sysctl,
    total_bytes,
    transcriber_bytes,
    usable_cores,
    workforce,
)
from sayit.cli.local_suite.worker_pools import Asked
from sayit.scheduler.ingest.audio_reader import syscall_filter

_GIB = 1024**3
#: Of gateway, scheduler, decoder and Valkey together.
_OTHERS = 0.6 * _GIB
_ENOUGH_DISK = 2 * _GIB
_TOO_LITTLE_DISK = 0.3 * _GIB
_ENOUGH_FILES = 1024


def cores() -> Finding:
    """How many cores there are, and how `sayit up` uses them."""
    count = usable_cores()
    chosen = workforce(count)
    text = f"{count} usable; by default {chosen.transcribers} transcribers with {chosen.threads} thread(s) each"
    if count == 1:
        return warn("cores", text, "Give the container or machine more cores: long files are transcribed in parallel.")
    return ok("cores", text)


def vector_units(flags: str | None = None) -> Finding:
    """Whether the processor has what int8 arithmetic needs to be quick."""
    about = "processor"
    machine = platform.machine()
    if machine not in {"x86_64", "AMD64"}:
        return ok(about, machine)
    known = set((_flags() if flags is None else flags).split())
    if not known:
        return ok(about, machine)
    if "avx2" not in known:
        return warn(
            about,
            f"{machine} without AVX2",
            "It works, slowly; a processor from 2014 or later is several times faster.",
        )
    vnni = known & {"avx512_vnni", "avx_vnni"}
    return ok(about, f"{machine} with AVX2" + (" and VNNI" if vnni else ""))


def memory(asked: Sequence[Asked], folder_of: Callable[[str], Path | None]) -> Finding:
    """Whether the transcribers fit in memory.

    Args:
        asked: the models, the default one first.
        folder_of: a model's folder; one that is not here counts as Whisper small.
    """
    total = total_bytes()
    if total is None:
        return ok("memory", "unknown")
    first, *more = asked
    counts = [each.transcribers or 1 for each in more]
    own = first.transcribers or workforce(usable_cores(), beside=sum(counts)).transcribers
    wanted = _OTHERS
    for each, count in zip(asked, (own, *counts), strict=True):
        folder = folder_of(each.model)
        wanted += count * (transcriber_bytes(folder) if folder else TRANSCRIBER_BYTES)
    names = ", ".join(each.model or "Whisper small" for each in asked)
    text = f"{total / _GIB:.1f} GiB; {names}: about {wanted / _GIB:.1f} GiB"
    if total < wanted:
        return warn("memory", text, "Use fewer transcribers (--transcribers 1), or a smaller model (--model base).")
    return ok("memory", text)


def disk(data: Path) -> Finding:
    """Whether there is room for audio, results and the database, and whether they can be written."""
    about = "data folder"
    there = next(folder for folder in (data, *data.parents) if folder.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return fail(about, f"{data} cannot be written", "Choose another folder with --data or SAYIT_DATA_DIR.")
    free = shutil.disk_usage(there).free
    text = f"{data}, {free / _GIB:.1f} GiB free"
    if free < _TOO_LITTLE_DISK:
        return fail(about, text, "Free some disk space.")
    if free < _ENOUGH_DISK:
        return warn(about, text, "Free some disk space: a model takes 0.5 GB, an hour of audio about 0.1 GB.")
    return ok(about, text)


def open_files() -> Finding:
    """Whether a process may open enough files for many watchers; each takes as many as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _ENOUGH_FILES:
        return warn("open files", f"at most {hard} for a process", f"ulimit -Hn {_ENOUGH_FILES}, as root")
    return ok("open files", "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard} for a process")


def confinement(layers: Sequence[str] | None = None) -> Finding:
    """What the kernel keeps the process away from that reads strangers' files, beside limits of memory and time."""
    found = syscall_filter.layers() if layers is None else layers
    if "seccomp" in found:
        return ok("audio decoder", " and ".join(found) + ": no file, network, process or signal")
    advice = "Take files from people you trust, or run the scheduler in a Linux container: this system has no seccomp."
    return warn("audio decoder", "confined by limits and a bare environment alone", advice)


def address(data: Path, listen: str, about: str = "address", flag: str = "--listen") -> Finding:
    """Whether a suite could listen where it wants to, or does so already."""
    holder = lock.holder_of(data)
    if holder is not None:
        return ok(about, f"a suite runs on {data} (process {holder.pid}, gateway at {holder.gateway})")
    try:
        check_free(listen)
    except StartError as error:
        return fail(about, str(error), f"Stop what listens there, or choose another with {flag}.")
    return ok(about, f"{listen} is free")


def running_suite(data: Path) -> Finding:
    """Whether the suite that runs here is healthy."""
    about = "running suite"
    if lock.holder_of(data) is None:
        return ok(about, "none on this data folder")
    described = paths.running_on(data)
    if described is None:
        return warn(about, "it is starting, or stopping", "Look again in a minute; its logs are in the data folder.")
    parts = [part for part in described.parts if part.name != "valkey"]
    checked = {
        part.name: health_checks.serving(part.address, tls=described.tls and part.name == "gateway") for part in parts
    }
    if described.rest:
        tls = described.rest.startswith("https:")
        checked["bridge"] = health_checks.of_bridge(described.rest.rpartition("/")[2], tls=tls)["check"]

    async def ask() -> list[bool]:
        return await asyncio.gather(*(checked[part.name]() for part in parts))

    answers = asyncio.run(ask())
    ill = [part.name for part, well in zip(parts, answers, strict=True) if not well]
    ill += [part.name for part in described.parts if part.name == "valkey" and not part.healthy]
    if ill:
        return fail(about, "not healthy: " + ", ".join(ill), f"Read their logs in {described.logs}.")
    page = f", page at {described.rest}" if described.rest else ""
    return ok(about, f"all {len(described.parts)} parts are healthy, gateway at {described.gateway}{page}")


def _flags() -> str:
    return sysctl("machdep.cpu.leaf7_features").lower() if sys.platform == "darwin" else cpu_info("flags")
