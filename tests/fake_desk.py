"""A rating desk in memory behind the real page: the contract of the service, without its database.

`FakeDesk` holds what is stored and can be broken on purpose; `DeskServer` serves it with the page, and can be stopped
and started again on the same port, as a server that restarts.
"""

from __future__ import annotations

import io
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import gradio as gr
import numpy as np
import uvicorn
from fastapi import FastAPI, Response
from PIL import Image, ImageDraw

from ru1_app.config import ROOT, Settings
from ru1_app.errors import Ru1Error
from ru1_app.flagging import MAX_COMMENT, MAX_REGIONS
from ru1_app.protocol import check_judgement, load_protocol
from ru1_app.ui import rate_page
from ru1_app.ui.layout import look
from ru1_app.wiring import App

PASSWORD = "open sesame"
REASONS = ["The images do not load", "I know this image or made it", "It shows what I do not want to see"]
SIZE = (320, 240)
GUIDE = '<h2>How to judge</h2><p>Look at the corrupted image first.</p><p><img src="{src}" alt="A blurred 3"></p>' + (
    "<p>A plain recovery that invents nothing is better than a sharp one that invents a word.</p>" * 12
)


def picture(seed: int, kind: str) -> bytes:
    """A sign with a number: clean, blurred to nothing, or with another number."""
    image = Image.new("RGB", SIZE, (90 + 10 * (seed % 7), 130, 160))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 170, *SIZE), fill=(80, 80, 84))
    pen.rectangle((110, 40, 210, 130), fill=(250, 250, 240), outline=(180, 20, 20), width=6)
    number = str(30 + seed) if kind != "wrong" else str(80 + seed)
    pen.text((130, 55), number, fill=(20, 20, 20), font_size=52)
    pixels = np.asarray(image).astype(float)
    if kind == "corrupted":
        pixels = pixels.reshape(60, 4, 80, 4, 3).mean((1, 3)).repeat(4, 0).repeat(4, 1)
        pixels += np.random.default_rng(seed).normal(0, 18, pixels.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def no(kind: str, message: str) -> dict[str, Any]:
    """A refusal."""
    return {"error": {"kind": kind, "message": message}}


def work(
    name: str, *, kind: str = "single", purpose: str = "work", stages: tuple[str, ...] = ("blind",)
) -> dict[str, Any]:
    """An item of the queue with the stages it goes through."""
    return {"id": name, "kind": kind, "purpose": purpose, "stages": stages if kind == "single" else ("pair",)}


class FakeDesk:
    """One rater, `ann`; items in order. Every method of the contract has the contract's name."""

    def __init__(self, items: list[dict[str, Any]], *, gate_of: int = 0) -> None:
        self.items = items
        self.gate = {"passed": gate_of == 0, "done": 0, "of": gate_of or 10, "right": 0, "needed": max(1, gate_of - 1)}
        self.drafts: dict[str, dict[str, Any]] = {}
        self.ratings: list[dict[str, Any]] = []  # every stored one, superseded ones too
        self.replies: dict[str, dict[str, Any]] = {}
        self.skipped: dict[str, str] = {}
        self.left: set[str] = set()  # finished early
        self.undone: dict[str, Any] | None = None
        self.tokens: set[str] = set()
        self.calls: list[str] = []
        self.tabs: set[str] = set()
        self.refuse: dict[str, dict[str, Any]] = {}  # name of a call -> refusal for the next one
        self.images: dict[str, bytes] = {}

    def person(self) -> dict[str, Any]:
        return {"id": "p1", "name": "ann", "role": "rater", "gate": dict(self.gate)}

    def sign_in(self, name: str, password: str) -> dict[str, Any]:
        if (name, password) != ("ann", PASSWORD):
            return no("signed_out", "That name and password do not go together. Try again.")
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return {"token": token, "person": self.person()}

    def me(self, token: str) -> dict[str, Any]:
        return {"person": self.person()} if token in self.tokens else no("signed_out", "Sign in again to go on.")

    def sign_out(self, token: str) -> dict[str, Any]:
        self.tokens.discard(token)
        return {}

    def words(self) -> dict[str, Any]:
        taxonomy = json.loads((ROOT / "annotations" / "taxonomy.json").read_text("utf-8"))
        guide = {"version": "1", "html": GUIDE.format(src="/" + self.address(3, "corrupted"))}
        return {
            "taxonomy": taxonomy, "guidelines": guide, "skip_reasons": REASONS, "max_comment": MAX_COMMENT,
            "max_regions": MAX_REGIONS,
        }  # fmt: skip

    def address(self, seed: int, kind: str) -> str:
        name = f"{seed}-{kind}"
        self.images.setdefault(name, picture(seed, kind))
        return f"ru1/images/{name}.png"  # below the app's root, as the service says it

    def images_of(self, item: dict[str, Any]) -> dict[str, str]:
        seed = self.items.index(item)
        wanted = {"corrupted": "corrupted", "recovered": "wrong"}
        if item["kind"] == "pair":
            wanted = {"corrupted": "corrupted", "left": "wrong", "right": "clean", "reference": "clean"}
        return {key: self.address(seed, kind) for key, kind in wanted.items()}

    def view(self, item: dict[str, Any], stage: str) -> dict[str, Any] | None:
        if stage == "answer":
            answers = [
                {"condition": "corrupted", "text": "A. 30", "choice": "A"},
                {"condition": "recovered", "text": "B. 80", "choice": "B"},
                {"condition": "both", "text": "B. 80", "choice": "B"},
            ]
            return {
                "question": "Which number is on the sign?", "options": ["30", "80", "50"], "expected": None,
                "answers": answers, "derived_impact": "harmed",
            }  # fmt: skip
        if stage == "reveal":
            blind = next(r for r in reversed(self.ratings) if (r["item"], r["stage"]) == (item["id"], "blind"))
            return {"reference": self.address(self.items.index(item), "clean"), "blind": blind["judgement"]}
        return None

    def live(self) -> list[dict[str, Any]]:
        """What is stored and not superseded."""
        gone = {rating["supersedes"] for rating in self.ratings}
        return [rating for rating in self.ratings if rating["id"] not in gone]

    def stage_of(self, item: dict[str, Any]) -> str | None:
        done = {rating["stage"] for rating in self.live() if rating["item"] == item["id"]}
        open_ = [stage for stage in item["stages"] if stage not in done]
        over = item["id"] in self.left or item["id"] in self.skipped
        return None if over or not open_ else open_[0]

    def turn(self) -> dict[str, Any]:
        waiting = [item for item in self.items if self.stage_of(item)]
        progress = {
            "today": len(self.live()),
            "total": len(self.live()) + 40,
            "open": len(waiting),
            "gate": dict(self.gate),
        }
        turn: dict[str, Any] = {"item": None, "upcoming": [], "draft": None, "progress": progress}
        turn["undo"] = min(10, len(self.live()) if not self.undone else 0)
        chosen, stage, previous = waiting[0] if waiting else None, "", None
        if self.undone:
            chosen = next(item for item in self.items if item["id"] == self.undone["item"])
            stage, previous = self.undone["stage"], self.undone["judgement"]
        if chosen:
            stage = stage or str(self.stage_of(chosen))
            turn["item"] = {
                "id": chosen["id"], "kind": chosen["kind"], "purpose": chosen["purpose"], "stage": stage,
                "images": self.images_of(chosen), "lease_seconds": 600,
                "view": self.view(chosen, stage), "previous": previous,
            }  # fmt: skip
            turn["draft"] = self.drafts.get(f"{chosen['id']}.{stage}")
            ahead = [item for item in waiting if item is not chosen][:2]
            turn["upcoming"] = [{"id": item["id"], "images": self.images_of(item)} for item in ahead]
        return turn

    def next_item(self, token: str, tab: str, hint: str) -> dict[str, Any]:
        self.tabs.add(tab)
        return self.turn()

    def heartbeat(self, token: str, tab: str, item: str) -> dict[str, Any]:
        return {"lease_seconds": 600}

    def save_draft(self, token: str, tab: str, item: str, stage: str, body: dict[str, Any]) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat()
        self.drafts[f"{item}.{stage}"] = {"stage": stage, "body": body, "saved_at": at}
        return {"saved_at": at}

    def submit_rating(self, token: str, tab: str, item: str, stage: str, judgement: dict[str, Any]) -> dict[str, Any]:
        if stage != "answer":
            try:
                check_judgement(
                    load_protocol(), judgement["verdict"], judgement["categories"], judgement["severity"], "unknown"
                )
            except Ru1Error as error:
                return no("invalid_input", str(error))
        return self.keep(item, stage, judgement)

    def pair(
        self, token: str, tab: str, item: str, choice: str, comment: str, duration_ms: int, request_id: str
    ) -> dict[str, Any]:
        said = {"choice": choice, "comment": comment, "duration_ms": duration_ms, "request_id": request_id}
        return self.keep(item, "pair", said)

    def keep(self, item: str, stage: str, judgement: dict[str, Any]) -> dict[str, Any]:
        """Store once for each request id, and say what comes next."""
        request = judgement["request_id"]
        if request in self.replies:
            return self.replies[request]
        found = next(each for each in self.items if each["id"] == item)
        supersedes = self.undone["id"] if self.undone else None
        self.ratings.append({
            "id": uuid.uuid4().hex, "item": item, "stage": stage, "judgement": judgement, "supersedes": supersedes,
        })  # fmt: skip
        self.undone = None
        self.drafts.pop(f"{item}.{stage}", None)
        reply: dict[str, Any] = {
            "rating": self.ratings[-1]["id"],
            "feedback": None,
            "stage": None,
            "view": None,
            "turn": None,
        }
        if found["purpose"] == "training":
            right = judgement["verdict"] == "misleading"
            self.gate["done"] += 1
            self.gate["right"] += right
            self.gate["passed"] = self.gate["right"] >= self.gate["needed"]
            text = "The number on the sign was changed: misleading, severity 3, text altered."
            gold = [{"x0": 0.34, "y0": 0.16, "x1": 0.66, "y1": 0.55, "category": "text_altered"}]
            reply["feedback"] = {"passed": right, "text": text, "regions": gold}
        elif following := self.stage_of(found):
            reply |= {"stage": following, "view": self.view(found, following)}
        else:
            reply["turn"] = self.turn()
        self.replies[request] = reply
        return reply

    def finish(self, token: str, tab: str, item: str) -> dict[str, Any]:
        self.left.add(item)
        return self.turn()

    def skip(self, token: str, tab: str, item: str, reason: str) -> dict[str, Any]:
        self.skipped[item] = reason
        return self.turn()

    def undo(self, token: str, tab: str) -> dict[str, Any]:
        self.undone = self.live()[-1]
        self.left.discard(self.undone["item"])
        return self.turn()

    def stats(self, token: str) -> dict[str, Any]:
        return {"mine": {"total": len(self.live())}, "team": None}


def offer(desk: FakeDesk) -> None:
    """Every call of the contract as an endpoint of the page that is being built."""
    names = (
        "sign_in", "sign_out", "me", "words", "next_item", "heartbeat", "save_draft", "submit_rating", "pair", "finish",
        "skip", "undo", "stats",
    )  # fmt: skip
    for name in names:
        gr.api(_guarded(desk, name, getattr(desk, name)), api_name=name, queue=False)


def _guarded(desk: FakeDesk, name: str, method: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    import functools

    @functools.wraps(method)
    def call(*args: Any) -> dict[str, Any]:
        desk.calls.append(name)
        if name in desk.refuse:
            return desk.refuse.pop(name)
        if name not in ("sign_in", "words", "me", "sign_out") and args[0] not in desk.tokens:
            return no("signed_out", "Sign in again to go on; what you filled in is kept in this browser.")
        return method(*args)

    return call


class DeskServer:
    """The rating page with a fake desk, in this process; `stop` and `start` make a restart on the same port."""

    def __init__(self, desk: FakeDesk, settings: Settings) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.desk, self.url = desk, f"http://127.0.0.1:{self.port}"
        with gr.Blocks(title="RU1") as demo:
            gr.Markdown("# RU1")
            offer(desk)
        with demo.route("Rate", "rate"):
            rate_page.build(App(settings), demo)
        parent = FastAPI()

        @parent.get("/ru1/images/{name}.png")
        def image(name: str) -> Response:
            return Response(desk.images[name], media_type="image/png", headers={"Cache-Control": "immutable"})

        options = {"run_history": False, "ssr_mode": False, "footer_links": [], **look(settings)}
        self._app = gr.mount_gradio_app(parent, demo, path="/", **options)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        config = uvicorn.Config(
            self._app, host="127.0.0.1", port=self.port, log_level="warning", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self._server.started

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(20)
            assert not self._thread.is_alive()
        self._server = self._thread = None
