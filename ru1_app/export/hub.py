"""Pushes a release to a dataset repository of the Hugging Face Hub: private unless asked, in one commit.

The token comes from the environment (`HF_TOKEN`) and is handed to the Hub's client alone: it is in no message, log or
file of ours. A dry run calls nothing and says what would be sent.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ru1_app.config import variable
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.export.describe.manifest import MANIFEST, Manifest, differences, read_manifest

TOKEN = "HF_TOKEN"
KIND = "dataset"
MOST_FILES = 25_000  # that the Hub takes in one commit
CHUNK_FILES, CHUNK_BYTES = 256, 128 * 2**20  # sent between two looks at whether to stop
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
NO_TOKEN = (
    f"There is no token: set {TOKEN} where the app or the command runs, to a token of huggingface.co/settings/tokens "
    "that may write, and start it again."
)
OFFLINE = "The Hub cannot be reached: HF_HUB_OFFLINE is set here. Unset it where the app or the command runs."
AGAIN = "Push again: what is there already is not sent twice."
AWAY = f"The Hub cannot be reached. See whether this machine is online. {AGAIN}"
Step = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One file of the commit."""

    path: str
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was sent, or with `dry_run` what would be."""

    repo: str
    private: bool
    dry_run: bool
    digest: str
    message: str  # of the commit
    operations: tuple[Operation, ...]
    removed: tuple[str, ...] = ()  # files of an earlier release that this one does not have
    url: str = ""  # of the commit
    commit: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.operations)


def push(
    folder: Path,
    repo: str,
    *,
    private: bool = True,
    dry_run: bool = False,
    step: Step | None = None,
) -> Pushed:
    """Push a release. Files of an earlier release in the repository that this one lacks are removed in the same commit.

    Raises:
        NotFound: there is no release in the folder.
        InvalidInput: it was changed since it was made, the name is none, or a private push would land in a public
            repository.
        Unavailable: there is no token, the Hub cannot be reached, or it refuses.
    """
    told = step or (lambda what, share: None)
    repo, manifest = check_name(repo), read_manifest(folder)
    if len(manifest.files) >= MOST_FILES:
        raise InvalidInput(
            f"The release has {len(manifest.files):,} files; the Hub takes {MOST_FILES:,} in one commit. Make it again "
            "with formats that pack pictures into few files: Parquet tables or WebDataset shards."
        )
    told("Checking the release", 0.0)
    if wrong := differences(folder):
        raise InvalidInput(f"The release is not what it was: {wrong[0]} It is not pushed; make it again.")
    sizes = {name: int(each["bytes"]) for name, each in manifest.files.items()}
    sizes[MANIFEST] = (folder / MANIFEST).stat().st_size
    operations = tuple(Operation(name, size) for name, size in sorted(sizes.items()))
    plan = Pushed(repo, private, dry_run, manifest.digest, _message(manifest), operations)
    if dry_run:
        return plan
    token = variable(TOKEN)
    if token is None:
        raise Unavailable(NO_TOKEN)
    with _spoken(repo, token):
        return _send(folder, plan, manifest, token, told)


def has_token() -> bool:
    """Whether a token is set; never which."""
    return variable(TOKEN) is not None


def check_name(repo: str) -> str:
    """The name of a repository, or `InvalidInput` with what is allowed."""
    name = repo.strip() if isinstance(repo, str) else ""
    if not NAME.fullmatch(name) or "--" in name or ".." in name or name.endswith((".git", ".", "-")):
        raise InvalidInput(
            f"{str(repo)[:100]!r} is no name of a repository. Write it as owner/name, with letters from A to Z, "
            "digits, and the characters - _ . inside."
        )
    return name


def _message(manifest: Manifest) -> str:
    return f"RU1 release {manifest.digest[:12]}: {manifest.kept:,} recoveries, {', '.join(sorted(manifest.formats))}"


def _send(folder: Path, plan: Pushed, manifest: Manifest, token: str, told: Step) -> Pushed:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    api = HfApi(token=token, library_name="ru1")
    told(f"Asking for {plan.repo}", 0.02)
    api.create_repo(plan.repo, repo_type=KIND, private=plan.private, exist_ok=True)
    there = api.dataset_info(plan.repo)
    if plan.private and not there.private:
        raise InvalidInput(
            f"{plan.repo} is there already and everybody can read it. Choose another name, make it private on the "
            "Hub, or push publicly on purpose."
        )
    names = {each.rfilename for each in there.siblings or ()}
    gone = _leftovers(api, plan.repo, names - {each.path for each in plan.operations}, MANIFEST in names)
    adds = [CommitOperationAdd(each.path, str(folder / each.path)) for each in plan.operations]
    sent = 0
    for some in _chunks(adds, plan.operations):
        told(f"Sending {some[0].path_in_repo}", 0.05 + 0.85 * sent / max(1, plan.size))
        api.preupload_lfs_files(plan.repo, additions=some, repo_type=KIND, free_memory=False)
        sent += sum(each.upload_info.size for each in some)
    told("Committing", 0.95)
    done = api.create_commit(
        plan.repo,
        [*adds, *(CommitOperationDelete(path) for path in gone)],
        commit_message=plan.message,
        commit_description=f"Digest of the release: {manifest.digest}",
        repo_type=KIND,
        parent_commit=there.sha,
    )
    return Pushed(
        plan.repo, bool(there.private), False, plan.digest, plan.message, plan.operations, tuple(gone),
        str(done.commit_url), str(done.oid),
    )  # fmt: skip


def _leftovers(api: Any, repo: str, others: set[str], released: bool) -> list[str]:
    """Of the other files in the repository those that an earlier release put there."""
    if not others or not released:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = api.hf_hub_download(repo, MANIFEST, repo_type=KIND, local_dir=folder)
        try:
            earlier = json.loads(Path(path).read_text("utf-8"))["files"]
        except (ValueError, KeyError, TypeError):
            return []
    return sorted(others & set(earlier)) if isinstance(earlier, Mapping) else []


def _chunks(adds: Sequence[Any], operations: Sequence[Operation]) -> Iterator[list[Any]]:
    some: list[Any] = []
    size = 0
    for add, operation in zip(adds, operations, strict=True):
        if some and (len(some) >= CHUNK_FILES or size + operation.size > CHUNK_BYTES):
            yield some
            some, size = [], 0
        some.append(add)
        size += operation.size
    if some:
        yield some


@contextmanager
def _spoken(repo: str, token: str) -> Iterator[None]:
    """What the Hub's client raises, as one sentence without the token."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled as error:
        raise Unavailable(OFFLINE) from error
    except HFValidationError as error:
        raise InvalidInput(f"{repo!r} is no name of a repository. Write it as owner/name.") from error
    except HfHubHTTPError as error:
        said = str(error.server_message or "").replace(token, "***").strip()
        raise Unavailable(_refusal(repo, error.response.status_code, said)) from None  # the request holds the token
    except (HTTPError, ConnectionError, TimeoutError):
        raise Unavailable(AWAY) from None
    except (RuntimeError, ValueError, OSError) as error:
        said = str(error).splitlines()[0].replace(token, "***") if str(error) else type(error).__name__
        raise Unavailable(f"The Hub's client stopped: {said[:200].rstrip('.')}. {AGAIN}") from None


def _refusal(repo: str, status: int, said: str) -> str:
    words = f" It says: {said[:200]}" if said else ""
    if status == 401:
        return f"The Hub does not know the token in {TOKEN}. Make a new one that may write, and set it.{words}"
    if status == 403:
        return f"The token in {TOKEN} may not write to {repo}. Give it that right, or choose another owner.{words}"
    if status == 404:
        return f"The Hub has no {repo}, or the token may not see it. See whether the owner's name is right.{words}"
    if status in (409, 412):
        return f"Somebody else changed {repo} at this moment. Nothing was committed; push again.{words}"
    return f"The Hub refused ({status}). {AGAIN}{words}"
