"""A real headless Chromium that draws: with mouse, finger and pen, in light and dark."""

import base64
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import requests

from hands import Drawing

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",
]
SECONDS = 60


class Chromium:
    """One window, `with Chromium(folder) as browser`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.folder, self.address = folder, f"http://127.0.0.1:{port}"
        command = ["chromedriver", f"--port={port}", f"--log-path={folder / 'chromedriver.log'}"]
        self.driver = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy stands between two processes of this machine

    def __enter__(self) -> Self:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.http.get(f"{self.address}/status", timeout=SECONDS)
                break
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        options = {
            "binary": shutil.which("chromium"),
            "args": [*FLAGS, f"--user-data-dir={self.folder / 'profile'}"],
        }
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        session = self.post("/session", capabilities={"alwaysMatch": wanted})
        self.address += f"/session/{session['sessionId']}"
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.http.delete(self.address, timeout=SECONDS)
        finally:
            self.driver.terminate()
            self.driver.wait(SECONDS)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.http.post(self.address + path, json=body, timeout=SECONDS)
        assert answer.ok, answer.text
        return answer.json()["value"]

    def protocol(self, command: str, **params: Any) -> Any:
        return self.post("/goog/cdp/execute", cmd=command, params=params)

    def open(self, url: str, width: int, *, dark: bool = False) -> None:
        """Open a page, in a window as wide as said, and wait until it has begun."""
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.protocol("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.protocol("Emulation.setEmulatedMedia", features=[scheme])
        self.post("/url", url=url)
        self.wait("return document.querySelectorAll('#bars li').length")

    def run(self, script: str) -> Any:
        return self.post("/execute/sync", script=script, args=[])

    def wait(self, script: str) -> Any:
        """Run a script until it returns something; return that."""
        deadline = time.monotonic() + SECONDS
        while not (found := self.run(script)):
            assert time.monotonic() < deadline, script
            time.sleep(0.02)
        return found

    def draw(self, drawing: Drawing, pointer: str = "mouse") -> None:
        """Draw strokes on the canvas."""
        box = self.run("const {x, y, width} = canvas.getBoundingClientRect(); return [x, y, width]")
        moves: list[dict[str, Any]] = []
        for stroke in drawing:
            places = [
                {"x": round(box[0] + x * box[2]), "y": round(box[1] + y * box[2])}
                for x, y in stroke
            ]
            steps = [{"type": "pointerMove", "duration": 0, **place} for place in places]
            down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
            moves += [steps[0], down, *steps[1:], up]
        kind = {"parameters": {"pointerType": pointer}, "actions": moves}
        self.post("/actions", actions=[{"type": "pointer", "id": pointer, **kind}])

    def press(self, key: str, held: str = "") -> None:
        keys = [*held, key]
        down = [{"type": "keyDown", "value": value} for value in keys]
        up = [{"type": "keyUp", "value": value} for value in reversed(keys)]
        self.post("/actions", actions=[{"type": "key", "id": "keys", "actions": down + up}])

    def choose(self, selector: str, path: Path) -> None:
        """Choose a file, as its field does."""
        found = self.post("/element", using="css selector", value=selector)
        self.post(f"/element/{next(iter(found.values()))}/value", text=str(path))

    def console(self) -> list[str]:
        return [entry["message"] for entry in self.post("/se/log", type="browser")]

    def photograph(self, path: Path) -> None:
        taken = self.protocol("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))
