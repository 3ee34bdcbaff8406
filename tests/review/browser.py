"""A real headless Chromium, driven through chromedriver's HTTP interface."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import requests

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 60


class Browser:
    """One window; `with Browser(folder) as browser`, `folder` for its files and the last log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}", f"--log-path={folder / 'chromedriver.log'}"],
            stdout=subprocess.DEVNULL,
        )
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy stands between two processes of this machine
        self.address = f"http://127.0.0.1:{port}"

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
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
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

    def open(self, url: str, width: int) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        command = "Emulation.setDeviceMetricsOverride"
        self.post("/goog/cdp/execute", cmd=command, params=size)
        self.post("/url", url=url)

    def run(self, script: str) -> Any:
        return self.post("/execute/sync", script=script, args=[])

    def console(self) -> list[str]:
        return [entry["message"] for entry in self.post("/se/log", type="browser")]

    def requested(self) -> set[str]:
        """Return the addresses asked for since the last call."""
        entries = self.post("/se/log", type="performance")
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [m for m in messages if m["method"] == "Network.requestWillBeSent"]
        return {message["params"]["request"]["url"] for message in sent}
