"""The app as a process of its own, for tests that need a server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ru1_app.config import ROOT


class Server:
    """`python app.py` on a free port with a data folder of the test's own; stopped on exit."""

    def __init__(
        self, data: Path, *, folder: Path = ROOT, settings: Mapping[str, str] | None = None, port: int = 0
    ) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = data.with_suffix(".log")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("RU1_", "SPACE_", "GRADIO_TEMP"))}
        environ |= {"RU1_DATA_DIR": str(data), "RU1_PORT": str(self.port), "PYTHONPATH": str(folder)}
        environ |= settings or {}
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT
            )

    def get(self, path: str) -> Any:
        return urllib.request.urlopen(self.url + path, timeout=30)

    def __enter__(self) -> Server:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                self.get("/").read()
                return self
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self._process.kill()
        raise AssertionError(f"the app did not start:\n{self.log()}")

    def log(self) -> str:
        return self._log.read_text("utf-8")

    def kill(self) -> None:
        """SIGKILL: nothing of the app runs any more, not even what runs at exit."""
        self._process.kill()
        self._process.wait(20)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
