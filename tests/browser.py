"""Headless Chromium, driven over a pipe by its DevTools protocol: no network, no other program.

Where there is no Chromium the tests that need it are skipped; ``.ci/run`` installs it, and says so by
``DMABUF_ASYNC_CHROMIUM=required``, so that they can't be skipped there.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REQUIRED: Final = os.environ.get("DMABUF_ASYNC_CHROMIUM") == "required"
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # there is none for root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-pipe",
)
_START: Final = """
import fcntl, os, sys
high = [fcntl.fcntl(int(pipe), fcntl.F_DUPFD, 10) for pipe in sys.argv[1:3]]
for number, pipe in zip((3, 4), high):
    os.dup2(pipe, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""It reads commands from 3, and answers to 4."""
_PATIENCE: Final = 60.0
"""Seconds for one answer, on a machine that is busy with other things."""


class Tab:
    """One page in the browser, and all that it has said and asked for."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._into = out, into
        self._number = 0
        self._said = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something, and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._number:
                assert "error" not in found, found
                answer: dict[str, Any] = found["result"]
                return answer
            self.events.append(found)

    def open(self, path: Path, *, anchor: str = "", scripts: bool = True) -> None:
        """Load a file, and wait until it has been loaded."""
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        for address in ("about:blank", path.as_uri() + anchor):  # else another anchor of the same page loads nothing
            self.events.clear()
            self.call("Page.navigate", url=address)
            while not self.told("Page.loadEventFired"):
                self.events.append(self._next())

    def told(self, method: str) -> list[dict[str, Any]]:
        """What the browser has told of one kind."""
        return [event["params"] for event in self.events if event.get("method") == method]

    @property
    def complaints(self) -> list[str]:
        """Exceptions, messages on the console, and entries in its log, those of the policy among them."""
        self.evaluate("0")  # what was said before has then been told
        said = [str(one["exceptionDetails"]) for one in self.told("Runtime.exceptionThrown")]
        said += [str(one["args"]) for one in self.told("Runtime.consoleAPICalled")]
        return said + [one["entry"]["text"] for one in self.told("Log.entryAdded")]

    @property
    def requests(self) -> list[str]:
        """The addresses of all that was asked for."""
        return [one["request"]["url"] for one in self.told("Network.requestWillBeSent")]

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; of a promise, what it comes to."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key, and let go of it."""
        codes = {"Tab": 9, "Enter": 13, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38}
        codes |= {"ArrowRight": 39, "ArrowDown": 40, " ": 32}
        more: dict[str, Any] = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **(more if kind == "keyDown" else {}),
            )  # fmt: skip

    def click(self, selector: str) -> None:
        """Click in the middle of an element, with the mouse."""
        x, y = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def look(self, width: int, height: int, *, dark: bool = False, media: str = "") -> None:
        """Set the size of the window in pixels, the colour scheme that the reader prefers, and the medium."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[feature])

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of what is to be seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        return base64.b64decode(data)

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + _PATIENCE
        while b"\0" not in self._said:
            left = end - time.monotonic()
            assert left > 0, "Chromium does not answer"
            assert select.select([self._into], [], [], left)[0], "Chromium does not answer"
            data = os.read(self._into, 1 << 20)
            assert data, "Chromium has ended"
            self._said += data
        message, _, self._said = self._said.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """Start Chromium with a profile of its own in ``folder``; skip if there is none."""
    if CHROMIUM is None:
        if REQUIRED:
            pytest.fail("there is no Chromium, and DMABUF_ASYNC_CHROMIUM says that it is required")
        pytest.skip("there is no Chromium")
    ours, theirs = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _START,
            str(ours[0]),
            str(theirs[1]),
            CHROMIUM,
            *_FLAGS,
            f"--user-data-dir={folder}",
        ],
        pass_fds=(ours[0], theirs[1]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
    )
    os.close(ours[0])
    os.close(theirs[1])
    try:
        yield Tab(ours[1], theirs[0])
    finally:
        os.close(ours[1])  # it ends when its pipe does
        os.close(theirs[0])
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
