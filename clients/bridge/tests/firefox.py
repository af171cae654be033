"""Firefox for the page's tests, driven by WebDriver BiDi: https://w3c.github.io/webdriver-bidi/.

Playwright drives only Firefoxes that it has built itself, and the newest releases.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

_NAMES = ("firefox-esr", "firefox")
_PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "intl.accept_languages": "en-US",
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
}
_PATIENCE_S = 180.0
_ASKED = "browsingContext.userPromptOpened"
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
#: Resolves once the expression is true; what it throws is what is not there yet.
_UNTIL = """new Promise((resolve) => {{
    const look = () => {{ try {{ if ({expression}) return resolve(true); }} catch {{}} setTimeout(look, 50); }};
    look();
}})"""


class Tab:
    """A tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._command("session.new", capabilities={"alwaysMatch": {"unhandledPromptBehavior": {"default": "ignore"}}})
        self._command("session.subscribe", events=[_ASKED])
        [window] = self._command("browsingContext.getTree")["contexts"]
        self._context = window["context"]

    def goto(self, url: str) -> None:
        """Opens an address."""
        self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def reload(self) -> None:
        """Reloads the page; where it asks before it is left, it is left."""
        self._command("browsingContext.reload", context=self._context, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """A value of JavaScript's; promises are awaited."""
        answer = self._command(
            "script.evaluate", expression=expression, awaitPromise=True, target={"context": self._context}
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Waits until an expression is true."""
        try:
            self.evaluate(_UNTIL.format(expression=expression))
        except TimeoutError:
            shown = self.evaluate("document.body.innerText")
            raise AssertionError(f"never true: {expression}; the page shows: {shown}") from None

    def choose(self, selector: str, *files: Path) -> None:
        """Chooses files in a field."""
        paths = [str(file) for file in files]
        self._command("input.setFiles", context=self._context, element=self._element(selector), files=paths)

    def click(self, selector: str) -> None:
        """Clicks an element that is there, or comes, with the mouse."""
        self.until(f"document.querySelector({json.dumps(selector)}).checkVisibility()")
        at = {"type": "pointerMove", "x": 0, "y": 0, "origin": {"type": "element", "element": self._element(selector)}}
        self._act("pointer", at, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0})

    def press(self, *keys: str) -> None:
        """Presses keys one after the other."""
        self._act("key", *({"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")))

    def _element(self, selector: str) -> dict[str, str]:
        locator = {"type": "css", "value": selector}
        found = self._command("browsingContext.locateNodes", context=self._context, locator=locator)
        return {"sharedId": found["nodes"][0]["sharedId"]}

    def _act(self, kind: str, *actions: dict[str, Any]) -> None:
        source = {"type": kind, "id": kind, "actions": list(actions)}
        self._command("input.performActions", context=self._context, actions=[source])

    def _command(self, method: str, **parameters: Any) -> Any:
        number = self._send(method, **parameters)
        while (answer := json.loads(self._connection.recv(_PATIENCE_S))).get("id") != number:
            if answer.get("method") == _ASKED:
                self._send("browsingContext.handleUserPrompt", context=self._context, accept=True)
        assert answer["type"] == "success", answer
        return answer["result"]

    def _send(self, method: str, **parameters: Any) -> int:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        return self._number


@contextmanager
def running_firefox(profile: Path) -> Iterator[Tab]:
    """A headless Firefox with a fresh profile and a microphone that hums; skips the test where there is none."""
    path = os.environ.get("FIREFOX") or next((found for name in _NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Firefox here: none on the PATH, and $FIREFOX names none")
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items())
    profile.mkdir()
    (profile / "user.js").write_text("".join(lines))
    command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            address = next(found[1] for line in process.stderr if (found := _LISTENING.search(line)))
            with connect(f"{address}/session", max_size=None, proxy=None, compression=None) as connection:
                yield Tab(connection)
        finally:
            process.terminate()
