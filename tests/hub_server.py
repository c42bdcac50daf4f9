"""The parts of the Hub that a push talks to, on this machine: it records every call and keeps what is committed."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

TOKEN = "hf_only-a-test"
FIRST, SECOND = "1" * 40, "2" * 40


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    token: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Hub:
    """One dataset repository; `files` are what is committed. `refuse` maps a part of a path to a status."""

    exists: bool = False
    private: bool = True
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b""})
    refuse: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    commits: list[list[dict[str, Any]]] = field(default_factory=list)
    lfs: dict[str, bytes] = field(default_factory=dict)
    url: str = ""

    def __enter__(self) -> Hub:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                call = Call(self.command, self.path.split("?")[0], token, self.rfile.read(size))
                status, body = hub.reply(call)
                self.send_response(status)
                if call.path.endswith("/manifest.json"):
                    self.send_header("ETag", '"abc"')
                    self.send_header("X-Repo-Commit", FIRST)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_HEAD = answer

            def log_message(self, *values: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, call: Call) -> tuple[int, bytes]:
        """Record a call and answer it."""
        self.calls.append(call)
        for part, status in self.refuse.items():
            if part in call.path:
                return status, json.dumps({"error": f"Not for {call.token}"}).encode()
        status, value = self._answer(call)
        return status, value if isinstance(value, bytes) else json.dumps(value).encode()

    def _answer(self, call: Call) -> tuple[int, Any]:
        end = call.path.rsplit("/", 2)
        if call.path == "/api/repos/create":
            return self._create(call.json())
        if call.path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if call.path.endswith("/preupload/main"):
            return 200, {"files": [self._mode(each["path"]) for each in call.json()["files"]]}
        if call.path.endswith("/objects/batch"):
            return 200, {"objects": [self._action(each) for each in call.json()["objects"]]}
        if end[-2] == "lfs":
            self.lfs[end[-1]] = call.body
            return 200, {}
        if call.path.endswith("/commit/main"):
            return self._commit(call)
        if call.path.endswith("/manifest.json"):
            return 200, self.files["manifest.json"]
        if call.method == "GET" and call.path.startswith("/api/datasets/") and self.exists:
            siblings = [{"rfilename": name} for name in self.files]
            return 200, {"id": "me/x", "sha": FIRST, "private": self.private, "siblings": siblings}
        return 404, {"error": "Repository not found"}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        told = {"url": f"{self.url}/datasets/{asked['organization']}/{asked['name']}"}
        if self.exists:
            return 409, {**told, "error": "You already created this dataset repo"}
        self.exists, self.private = True, asked["visibility"] == "private"
        return 200, told

    def _mode(self, path: str) -> dict[str, Any]:
        mode = "lfs" if path.endswith((".parquet", ".png")) else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _action(self, each: dict[str, Any]) -> dict[str, Any]:
        return {**each, "actions": {"upload": {"href": f"{self.url}/lfs/{each['oid']}"}}}

    def _commit(self, call: Call) -> tuple[int, Any]:
        lines = [json.loads(line) for line in call.body.splitlines()]
        self.commits.append(lines)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                assert hashlib.sha256(self.lfs[value["oid"]]).hexdigest() == value["oid"]
                self.files[value["path"]] = self.lfs[value["oid"]]
            elif line["key"] == "deletedFile":
                del self.files[value["path"]]
        return 200, {"commitUrl": f"{self.url}/datasets/me/x/commit/{SECOND}", "commitOid": SECOND}
