"""API keys of the scheduler's database, as far as this gateway has met them.

A key is asked for when it is first used, and then every `CHECK_S` for as long as it is in use: so a call costs no
question, and a key that is revoked is refused within seconds. While no scheduler answers, keys that were checked within
`TRUSTED_S` go on as they were, and others are told to come back: nothing is served then that needs the database.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from sayit.chassis import telemetry
from sayit.chassis.api_keys import StoredKey, parts_of
from sayit.speech.api_keys import ApiKey
from sayit.speech.errors import ErrorKind, SayItError

#: Asks for the keys with these ids, and says which of them were used.
LookUp = Callable[[Sequence[str], Sequence[str]], Awaitable[Iterable[StoredKey]]]

#: How often keys in use are looked at again, in seconds.
CHECK_S = 2.0
#: How long a key that cannot be checked is still taken, in seconds.
TRUSTED_S = 900.0
#: How long a key that no caller uses is looked at, and an unknown one is remembered, in seconds.
_IDLE_S, _UNKNOWN_S = 600.0, 5.0
#: How often a use is told, in seconds.
_TELL_USE_S = 60.0
#: Most keys that are remembered, known and unknown ones, and most that wait for an answer.
MOST_KEYS = 10_000
#: Most keys of one question.
BATCH = 500


class _Unchecked:
    """The answer while no scheduler answers."""


_UNCHECKED = _Unchecked()


@dataclass(eq=False)
class _Entry:
    """A key that exists; times are of the monotonic clock."""

    stored: StoredKey
    #: When it was met, and when it was last checked.
    met_s: float
    checked_s: float
    #: When it was last used with its secret, and when that was last told.
    used_s: float = float("-inf")
    told_s: float = float("-inf")

    def idle_since_s(self) -> float:
        """Since when no caller has used it."""
        return max(self.met_s, self.used_s)


class StoredKeys:
    """Keys by id.

    Args:
        look_up: asks the scheduler; raises SayItError where no scheduler answers.
        clock: for tests.
    """

    def __init__(self, look_up: LookUp, clock: Callable[[], float] = time.monotonic) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        #: Until when ids are taken for unknown.
        self._unknown: OrderedDict[str, float] = OrderedDict()
        #: Those that wait for the next question, and the task that asks.
        self._waiting: OrderedDict[str, asyncio.Future[StoredKey | _Unchecked | None]] = OrderedDict()
        self._asking: asyncio.Task[None] | None = None

    async def find(self, text: str) -> ApiKey | None:
        """The key that reads so; None for one that does not exist, was revoked, or is over.

        Raises:
            SayItError: UNAVAILABLE while it cannot be checked, OVERLOADED where too many wait for that.
        """
        parts = parts_of(text)
        if parts is None:
            return None
        key_id, secret = parts
        stored = await self._stored(key_id)
        return self._used(stored) if stored is not None and stored.admits(secret) else None

    async def signing(self, key_id: str) -> ApiKey | None:
        """The key with this id, with which a request was signed; None as in `find`, and for one that does not sign.

        Raises:
            SayItError: as in `find`.
        """
        stored = await self._stored(key_id)
        return self._used(stored) if stored is not None and stored.key.signed and stored.key.valid else None

    def is_valid(self, key_id: str) -> bool:
        """Whether a key that was found before still is; one that is not remembered has not ended as far as is known."""
        entry = self._known.get(key_id)
        return entry.stored.key.valid if entry is not None else key_id not in self._unknown

    async def refresh(self, running: Collection[str] = ()) -> None:
        """Looks at the keys in use again, and at those with calls that run; tells which were used.

        Raises:
            SayItError: UNAVAILABLE.
        """
        now_s = self._clock()
        for key_id in running:
            if entry := self._known.get(key_id):
                entry.used_s = now_s
        for key_id in [one for one, entry in self._known.items() if entry.idle_since_s() < now_s - _IDLE_S]:
            del self._known[key_id]
        ids = list(dict.fromkeys((*running, *self._known)))
        for start in range(0, len(ids), BATCH):
            await self._check(ids[start : start + BATCH])

    def _used(self, stored: StoredKey) -> ApiKey:
        if entry := self._known.get(stored.key.id):
            entry.used_s = self._clock()
            self._known.move_to_end(stored.key.id)
        return stored.key

    async def _check(self, ids: Sequence[str]) -> None:
        now_s = self._clock()
        entries = [self._known[key_id] for key_id in ids if key_id in self._known]
        used = [one for one in entries if one.told_s < one.used_s and one.told_s < now_s - _TELL_USE_S]
        self._note(ids, await self._look_up(ids, [one.stored.key.id for one in used]))
        for entry in used:
            if current := self._known.get(entry.stored.key.id):
                current.told_s = now_s

    async def _stored(self, key_id: str) -> StoredKey | None:
        now_s = self._clock()
        entry = self._known.get(key_id)
        if entry is not None and entry.checked_s > now_s - TRUSTED_S:
            return entry.stored
        if self._unknown.get(key_id, now_s) > now_s:
            return None
        return await self._asked(key_id)

    async def _asked(self, key_id: str) -> StoredKey | None:
        """What the scheduler says; all that wait at the same time share one question."""
        waiting = self._waiting.get(key_id)
        if waiting is None:
            if len(self._waiting) >= MOST_KEYS:
                raise SayItError(ErrorKind.OVERLOADED, retry_after_s=2.0, cause="full: keys that are looked up")
            waiting = self._waiting[key_id] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        answer = await asyncio.shield(waiting)
        if isinstance(answer, _Unchecked):
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=2.0, cause="keys cannot be checked")
        return answer

    async def _ask_all(self) -> None:
        while self._waiting:
            ids = list(islice(self._waiting, BATCH))
            answers: dict[str, StoredKey | _Unchecked | None] = dict.fromkeys(ids, _UNCHECKED)
            try:
                self._note(ids, await self._look_up(ids, ()))
                answers = {one: self._known[one].stored if one in self._known else None for one in ids}
            except SayItError as error:
                telemetry.logger().warning("keys_not_checked", count=len(ids), cause=error.cause)
            finally:
                for key_id in ids:
                    waiting = self._waiting.pop(key_id)
                    if not waiting.done():
                        waiting.set_result(answers[key_id])

    def _note(self, ids: Sequence[str], found: Iterable[StoredKey]) -> None:
        now_s = self._clock()
        by_id = {one.key.id: one for one in found}
        for key_id in ids:
            if stored := by_id.get(key_id):
                entry = self._known.setdefault(key_id, _Entry(stored, now_s, now_s))
                entry.stored, entry.checked_s = stored, now_s
                self._unknown.pop(key_id, None)
            else:
                self._known.pop(key_id, None)
                self._unknown[key_id] = now_s + _UNKNOWN_S
                self._unknown.move_to_end(key_id)
        while len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)
        while len(self._unknown) > MOST_KEYS:
            self._unknown.popitem(last=False)
