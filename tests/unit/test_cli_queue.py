"""`ru1 queue`: what comes into the queue from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ru1_app.cli import cli
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, NotFound
from ru1_app.images import Image8, from_png, write_png
from ru1_app.items import ItemState, Origin, Purpose
from ru1_app.scoring.base import Pair
from ru1_app.scoring.risk import load_risk
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store
from ru1_app.store.tables import ItemRow
from tests.tiny_risk import make_models_with_risk, make_models_without_risk


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("RU1_DATA_DIR", str(settings.data_dir))

    def run(*words: str) -> Any:
        capsys.readouterr()
        cli(["queue", *words, "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return run


def items(settings: Settings) -> list[tuple[str, str, str]]:
    store = Store(settings.url, settings.blob_dir)
    with store.database.read() as session:
        found = [(row.purpose, row.kind, row.origin) for row in session.query(ItemRow).order_by(ItemRow.id)]
    store.close()
    return found


def folder(root: Path, photo: Image8, *, reference: bool = True, name: str = "one") -> Path:
    for side in ("corrupted", "recovered", *(["reference"] if reference else [])):
        write_png(root / side / f"{name}.png", photo if side != "corrupted" else np.asarray(photo // 2))
    return root


def test_a_folder_of_recoveries_comes_in_once(run: Any, settings: Settings, photo: Image8, tmp_path: Path) -> None:
    place = folder(tmp_path / "made", photo)
    assert run("fill", "--folder", str(place), "--model", "ours-v2") == {"items": 1, "pairs": 0}
    assert run("fill", "--folder", str(place), "--model", "ours-v2") == {"items": 0, "pairs": 0}
    assert items(settings) == [(Purpose.WORK, "single", Origin.FOLDER)]
    store = Store(settings.url, settings.blob_dir)
    (case,) = store.iter_all()
    assert (case.recovery.model.id, case.sample.source) == ("ours-v2", "file:one")
    assert case.sample.reference_sha is not None
    store.close()


def test_a_folder_that_does_not_fit_is_refused_with_the_reason(run: Any, photo: Image8, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no folder 'corrupted'"):
        run("fill", "--folder", str(tmp_path))
    place = folder(tmp_path / "made", photo, reference=False)
    write_png(place / "recovered" / "two.png", photo)
    with pytest.raises(InvalidInput, match="'two' is missing in corrupted"):
        run("fill", "--folder", str(place))
    (place / "recovered" / "two.png").unlink()
    write_png(place / "recovered" / "one.png", np.asarray(photo[:100]))
    with pytest.raises(InvalidInput, match="differ in size"):
        run("fill", "--folder", str(place))


def test_nothing_to_put_in_is_said(run: Any) -> None:
    with pytest.raises(InvalidInput, match="Say what to put"):
        run("fill")


def test_gold_comes_in_from_scenes_and_from_photos(run: Any, settings: Settings, photo: Image8, tmp_path: Path) -> None:
    write_png(tmp_path / "photos" / "astronaut.png", photo)
    assert run("gold", "4") == {"gold": 4}
    assert run("gold", "4") == {"gold": 0}  # the same seed makes the same
    assert run("gold", "4", "--seed", "1", "--photos", str(tmp_path / "photos"))["gold"] >= 3
    assert {purpose for purpose, _, _ in items(settings)} == {Purpose.GOLD}


def test_the_overlap_of_an_item_can_be_changed(run: Any, settings: Settings, photo: Image8, tmp_path: Path) -> None:
    run("fill", "--folder", str(folder(tmp_path / "made", photo)))
    store = Store(settings.url, settings.blob_dir)
    with store.database.read() as session:
        (id_,) = [row.id for row in session.query(ItemRow)]
    assert run("overlap", id_, "5") == {"id": id_, "overlap": 5, "state": "open"}
    assert Queue(store.database).item(id_).state is ItemState.OPEN
    with pytest.raises(NotFound, match="no item"):
        run("overlap", "nothing", "5")
    store.close()


@pytest.mark.weights
def test_open_work_is_ordered_anew_by_the_risk_model_of_today(
    run: Any, settings: Settings, photo: Image8, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases that came in before there was a risk model: their scores know of none."""
    place = folder(tmp_path / "made", photo)
    for name, turns in (("two", 1), ("three", 2)):
        for side in ("corrupted", "recovered", "reference"):
            write_png(place / side / f"{name}.png", np.rot90(photo // turns, turns))
    monkeypatch.setenv("RU1_MODELS_DIR", str(make_models_without_risk(tmp_path / "none")))
    run("fill", "--folder", str(place))
    assert run("order") == {"items": 3, "risk": False}
    before = ranks(settings)
    models = make_models_with_risk(tmp_path / "models")
    monkeypatch.setenv("RU1_MODELS_DIR", str(models))
    assert run("order") == {"items": 3, "risk": True}
    scorer = load_risk(models / "risk", models / "clip")
    store = Store(settings.url, settings.blob_dir)
    for id_, rank in ranks(settings).items():
        case = store.case(Queue(store.database).item(id_).recovery_id)
        pair = Pair(*(from_png(store.image(sha)) for sha in (case.recovery.image_sha, case.sample.corrupted_sha)))
        assert before[id_] - rank == pytest.approx(scorer.score([pair])[0].value)
        assert not case.scores  # what is stored stays as it is: a release of the same labels has the same bytes
    store.close()


def ranks(settings: Settings) -> dict[str, float]:
    store = Store(settings.url, settings.blob_dir)
    found = {item.id: item.rank for item in Queue(store.database).open_work()}
    store.close()
    return found


def test_a_report_of_an_empty_desk_says_so(run: Any) -> None:
    found = run("report")
    assert found["states"] == {}
    assert all(field["alpha"]["reason"] for field in found["fields"])


@pytest.mark.weights
def test_scenes_are_corrupted_recovered_and_paired(run: Any, settings: Settings) -> None:
    assert run("fill", "--scenes", "2", "--pairs", "--spec", "gaussian_noise@high") == {"items": 4, "pairs": 2}
    assert sorted(kind for _, kind, _ in items(settings)) == ["pair"] * 2 + ["single"] * 4
