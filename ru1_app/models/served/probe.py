"""What a server is: its engine, version and model, asked of it once when it is loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ru1_app.domain import ModelRef
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.models.served.address import Address, checked_key
from ru1_app.models.served.failures import Refused
from ru1_app.models.served.options import Options
from ru1_app.models.served.transport import Call, Reply, Transport, last

UNKNOWN = "unknown"
_ENGINES = {
    "vllm",
    "vllm-omni",
    "sglang",
    "sglang-diffusion",
    "llamacpp",
    "lmdeploy",
    "tgi",
    "ru1",
}  # as `owned_by` says
# Where engines tell their version, and which engine it is when nothing else says so.
_VERSIONS = (("/version", "vllm"), ("/server_info", "sglang"), ("/get_server_info", "sglang"), ("/info", "tgi"))
_REVISIONS = ("revision", "model_sha", "weight_version")
_NONE = {"", "default", "main"}  # words of servers for no revision in particular
LASTS = 60.0  # seconds
_QUICK = 15.0  # seconds: these questions cost a server nothing


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers: how to talk to it, which of its models is used and what it is stored as."""

    transport: Transport
    model: str | None  # None: it lists no models, and the field is left out
    ref: ModelRef
    options: Options
    again: Callable[[], Served] = field(repr=False)  # asks anew; it knows the key
    asked: float  # when it was asked, on the monotonic clock

    def fresh(self) -> Served:
        """What the server is now, asked anew where that is more than a minute ago: it may have been upgraded.

        A server that does not say keeps what is known of it; whether it works is seen when it is used.
        """
        if time.monotonic() - self.asked < LASTS:
            return self
        try:
            return self.again()
        except (InvalidInput, ModelFailed, Unavailable):
            return replace(self, asked=time.monotonic())


def connect(source: str, name: str | None, model: str | None, key: str | None, options: Mapping[str, Any]) -> Served:
    """Ask the server at `source` what it is.

    Raises:
        InvalidInput: the address, the key, an option or the model's name is wrong.
        Unavailable: no server answers there, or it refuses the key.
    """
    address, secret, chosen = Address.of(source), checked_key(key), Options.of(options)
    quick = replace(chosen, timeout=min(_QUICK, chosen.timeout), total=min(_QUICK, chosen.total), retries=1)
    asker = Transport(address, secret, quick)
    try:
        reply = _get(asker, "/models", root=False)
        listed = _models(asker, reply)
        told = [(engine, asked) for path, engine in _VERSIONS if (asked := _told(asker, path))]
    except Refused as error:
        raise Unavailable(str(error)) from error
    except ModelFailed as error:
        raise Unavailable(str(error)) from error
    entry = _chosen(listed, model, address)
    used = str(entry["id"]) if entry else model
    ref = ModelRef(name or used or address.root, _revision(asker, entry, told), _engine(asker, entry, told, reply))
    again = partial(connect, source, name, model, key, options)
    return Served(Transport(address, secret, chosen), used, ref, chosen, again, time.monotonic())


def _get(asker: Transport, path: str, *, root: bool) -> Reply | None:
    """The answer, or None where the server knows no such path."""
    try:
        return last(asker.ask(Call(path, method="GET", root=root)))
    except Refused as error:
        if error.status in (401, 403) and not root:
            raise
        return None


def _told(asker: Transport, path: str) -> Mapping[str, Any] | None:
    """What the server says of itself; only what names it is kept, for SGLang's answer holds its key too."""
    try:
        reply = _get(asker, path, root=True)
        said = asker.parsed(reply.body, reply.headers) if reply else {}
    except ModelFailed:
        return None  # a gateway that passes on the API only may answer anything here
    kept = {name: said[name] for name in ("version", *_REVISIONS) if isinstance(said.get(name), str) and said[name]}
    return kept or None


def _models(asker: Transport, reply: Reply | None) -> list[Mapping[str, Any]]:
    if reply is None:
        return []
    data = asker.parsed(reply.body, reply.headers).get("data")
    return [entry for entry in data if isinstance(entry, dict) and entry.get("id")] if isinstance(data, list) else []


def _chosen(listed: list[Mapping[str, Any]], model: str | None, address: Address) -> Mapping[str, Any] | None:
    """The model that is asked for, or the first; None where the server lists none."""
    if not listed:
        return None
    found = next((entry for entry in listed if model in (None, entry["id"])), None)
    if found is None:
        names = ", ".join(repr(entry["id"]) for entry in listed[:10])
        raise InvalidInput(f"The server at {address.base} has no model {model!r}. There are: {names}.")
    return found


def _revision(asker: Transport, entry: Mapping[str, Any] | None, told: list[tuple[str, Mapping[str, Any]]]) -> str:
    """What the server says of the weights, of this model first; else the path or id that it was started with, if it
    goes by another.
    """
    for said in (entry or {}, *(said for _, said in told)):
        for name in _REVISIONS:
            found = said.get(name, "")
            if isinstance(found, str) and found not in _NONE:
                return asker.sentences.clean(found, 80)
    root = (entry or {}).get("root")
    return asker.sentences.clean(root, 80) if isinstance(root, str) and root != (entry or {}).get("id") else UNKNOWN


def _engine(
    asker: Transport, entry: Mapping[str, Any] | None, told: list[tuple[str, Mapping[str, Any]]], reply: Reply | None
) -> str:
    """The engine and its version, as "vllm 0.11.0 / served"."""
    engine, version = next(((engine, said["version"]) for engine, said in told if "version" in said), ("", ""))
    owner = str((entry or {}).get("owned_by", "")).lower()
    server = reply.headers.get("server", "") if reply else ""
    called = owner if owner in _ENGINES else engine or server or UNKNOWN
    return f"{asker.sentences.clean(f'{called} {version}'.strip(), 60)} / served"
