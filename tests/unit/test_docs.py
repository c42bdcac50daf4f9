"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from ru1_app.config import ROOT, Settings
from ru1_app.corruptions import CORRUPTIONS
from ru1_app.scoring import load_scorers


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_is_described_as_in_its_docstring(name: str) -> None:
    entry = CORRUPTIONS[name]
    text = (entry.apply or entry.local).__doc__ or ""
    first = " ".join(text.split("\n\n")[0].split())
    page = (ROOT / "docs" / "corruptions.md").read_text("utf-8")
    assert first
    assert f"| `{name}` | **{entry.label}**. {first} |" in page


@pytest.mark.weights
def test_every_score_is_described_as_on_the_page() -> None:
    page = (ROOT / "docs" / "scores.md").read_text("utf-8")
    for name, scorer in load_scorers(Settings()).items():
        assert f"| {scorer.spec.label} `{name}` | {scorer.spec.definition} |" in page
        assert scorer.spec.blind_to in page
