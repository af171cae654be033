"""The model hub: its cache on disk, whether it answers, and downloads with their size and progress.

The cache is read by its documented layout, without importing the hub's library, so that finding a model is quick
and cannot touch the network. Downloads go through `huggingface_hub`, which resumes them and moves each file into place
whole.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The hub that faster-whisper's models live on.
ENDPOINT = "https://huggingface.co"
#: The files of a model, as faster-whisper fetches them.
PATTERNS = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
#: Seconds between two measurements of a running download.
PROGRESS_INTERVAL_S = 0.5


class HubError(Exception):
    """The hub did not give what was asked for; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A hub and the folder that caches its models."""

    #: Root of its addresses, without a slash at the end.
    endpoint: str
    #: The cache; shared with every other program that uses the hub.
    cache: Path
    #: Whether the user forbids the network.
    offline: bool

    @classmethod
    def of_environment(cls) -> Hub:
        """The hub that HF_ENDPOINT, HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE describe."""
        env = os.environ.get
        home = env("HF_HOME") or str(Path(env("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
        cache = env("HF_HUB_CACHE") or env("HUGGINGFACE_HUB_CACHE") or str(Path(home) / "hub")
        return cls(
            endpoint=(env("HF_ENDPOINT") or ENDPOINT).rstrip("/"),
            cache=Path(os.path.expandvars(cache)).expanduser(),
            offline=(env("HF_HUB_OFFLINE") or env("TRANSFORMERS_OFFLINE") or "").upper() in {"1", "ON", "YES", "TRUE"},
        )

    def cached(self, repository: str) -> Path | None:
        """The cached snapshot of a repository's main branch, perhaps incomplete; None without one."""
        if not repository:
            return None
        root = self._folder(repository)
        try:
            commit = (root / "refs" / "main").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        snapshot = root / "snapshots" / commit
        return snapshot if commit and snapshot.is_dir() else None

    def refusal(self, repository: str, *, within_s: float) -> str:
        """Why the hub will not serve this repository now; empty if it answers for it.

        One request, no retry. It runs in a thread of its own, because a name resolution has no time limit; after the
        deadline the thread is abandoned.
        """
        if self.offline:
            return "HF_HUB_OFFLINE forbids to fetch it"
        # Importing it takes seconds on a busy machine, which are not the hub's.
        from huggingface_hub import get_session  # noqa: PLC0415 - slow to import, see `download`

        answer: list[str] = []

        def ask() -> None:
            answer.append(self._refusal_of_request(get_session, repository, timeout_s=within_s))

        thread = threading.Thread(target=ask, name="hub-probe", daemon=True)
        thread.start()
        thread.join(within_s)
        return answer[0] if answer else f"{self.endpoint} does not answer within {within_s:g} s"

    def download(
        self, repository: str, *, started: Callable[[int], None], progress: Callable[[int, int], None]
    ) -> Path:
        """Downloads a model into the cache; only what is missing.

        Args:
            repository: `owner/name`.
            started: called once with the bytes to fetch.
            progress: called with the bytes that are there and the bytes to fetch, when that changed.

        Raises:
            HubError: the download failed; what arrived so far stays for the next one.
        """
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - a quarter of a second, for downloads only
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

        disable_progress_bars()
        patterns = list(PATTERNS)
        try:
            plan = snapshot_download(
                repository, cache_dir=self.cache, endpoint=self.endpoint, allow_patterns=patterns, dry_run=True
            )
            size = sum(file.file_size or 0 for file in plan if file.will_download)
            if size:
                started(size)
            with _Watch(self._folder(repository) / "blobs", size, progress):
                path = snapshot_download(
                    repository, cache_dir=self.cache, endpoint=self.endpoint, allow_patterns=patterns
                )
        except Exception as error:  # the library does not wrap the errors of its HTTP client and of the disk
            raise HubError(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from error
        return Path(path)

    def _folder(self, repository: str) -> Path:
        return self.cache / f"models--{repository.replace('/', '--')}"

    def _refusal_of_request(self, get_session: Callable[[], Any], repository: str, *, timeout_s: float) -> str:
        """Asks for one small file's headers with the client that downloads: same proxies, same certificates."""
        try:
            response = get_session().head(f"{self.endpoint}/{repository}/resolve/main/config.json", timeout=timeout_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the hub did not answer
            return f"{self.endpoint} does not answer ({type(error).__name__})"
        if response.status_code >= 400:
            return f"{self.endpoint} answers {response.status_code} for {repository}"
        return ""


class _Watch:
    """Reports how a download's files grow, from a thread, while it runs."""

    def __init__(self, blobs: Path, size: int, progress: Callable[[int, int], None]) -> None:
        self._blobs = blobs
        self._size = size
        self._progress = progress
        self._finished = self._bytes(whole_only=True)
        self._reported = -1
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._report()

    def _run(self) -> None:
        while not self._end.wait(PROGRESS_INTERVAL_S):
            self._report()

    def _report(self) -> None:
        done = min(self._bytes(whole_only=False) - self._finished, self._size)
        if self._size and done > self._reported:
            self._reported = done
            self._progress(done, self._size)

    def _bytes(self, *, whole_only: bool) -> int:
        total = 0
        try:
            for file in os.scandir(self._blobs):
                if not (whole_only and file.name.endswith(".incomplete")):
                    total += file.stat().st_size
        except OSError:
            pass  # not there yet, or a file moved into place just now: the next measurement counts it
        return total
