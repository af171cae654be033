"""Settings that change while a process runs: SIGHUP reads them again.

The environment of a running process cannot change, so changes are made in the file that `SAYIT_SETTINGS_FILE` names.
A process subscribes what follows a change; one log line says which settings changed, and which of them need a restart.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from sayit.chassis import telemetry
from sayit.chassis.process import in_one_line
from sayit.chassis.settings import PREFIX, ServiceSettings, is_reloadable

Settings = TypeVar("Settings", bound=ServiceSettings)


class Reload(Generic[Settings]):
    """A process's settings, and what follows when they change.

    Args:
        settings: as the process started with them.
        read: reads them again; by default as the process did.
    """

    def __init__(self, settings: Settings, read: Callable[[], Settings] | None = None) -> None:
        #: What holds now.
        self.settings = settings
        self._read = read or type(settings)
        self._followers: list[Callable[[Settings], None]] = [lambda now: telemetry.set_log_level(now.log_level)]

    def follow(self, apply: Callable[[Settings], None]) -> None:
        """Calls `apply` with the settings that hold now whenever they were read again.

        Also when none has changed: a file that one of them names may have.
        """
        self._followers.append(apply)

    def again(self) -> None:
        """Reads the settings and applies what can be applied; settings that are wrong change nothing."""
        try:
            fresh = self._read()
        except (ValidationError, SettingsError) as error:
            telemetry.logger().error("settings_not_reloaded", cause=in_one_line(error))
            return
        fields = type(fresh).model_fields
        changed = [name for name in fields if getattr(fresh, name) != getattr(self.settings, name)]
        taken = [name for name in changed if is_reloadable(fields[name])]
        if taken:
            self.settings = self.settings.model_copy(update={name: getattr(fresh, name) for name in taken})
        for apply in self._followers:
            apply(self.settings)
        telemetry.logger().info(
            "settings_reloaded",
            in_effect=[_variable(name) for name in taken],
            need_a_restart=[_variable(name) for name in changed if name not in taken],
        )

    @contextmanager
    def on_hangup(self) -> Iterator[None]:
        """Reads the settings again on every SIGHUP while the block runs; for the main thread's event loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.again)
        try:
            yield
        finally:
            loop.add_signal_handler(signal.SIGHUP, lambda: None)


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
