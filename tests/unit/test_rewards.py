"""Rewards as a library: the definitions of the field, equal wherever they are called from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from ru1_app.config import Settings
from ru1_app.domain import Verdict
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.images import Image8
from ru1_app.rewards import STEEPNESS, WEIGHTS, Folders, reward_of, versions
from ru1_app.rewards.flow_grpo import maker
from ru1_app.rewards.human import hard_weight, human_reward
from ru1_app.scoring.base import Pair
from ru1_app.scoring.clip import load_embedded
from ru1_app.scoring.risk import load_risk
from tests.tiny_risk import make_models_with_risk

CLIP = Settings().models_dir / "clip"


def images(count: int = 2, height: int = 40, width: int = 56) -> Tensor:
    return torch.rand((count, 3, height, width), generator=torch.Generator().manual_seed(0))


def test_the_ssim_reward_is_upstreams() -> None:
    from pytorch_msssim import ssim

    a = images()
    b = (a + 0.1 * torch.randn(a.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    mine = reward_of({"ssim": 1.0}, Folders(CLIP))(a, b)["ssim"]
    assert torch.allclose(mine, ssim(a, b, data_range=1.0, win_size=11, size_average=False), atol=2e-5)


@pytest.mark.weights
def test_the_clip_reward_is_the_shaped_score_of_the_page() -> None:
    a, b = images(2, 128, 128), images(4, 128, 128)[2:]
    scorer = load_embedded(CLIP)
    rows = [scorer.embed([(x.permute(1, 2, 0) * 255).round().byte().numpy() for x in part]) for part in (a, b)]
    cosine = np.clip((rows[0] * rows[1]).sum(1), 0, 1)
    rounded = [(part * 255).round() / 255 for part in (a, b)]
    mine = reward_of({"clip": 1.0}, Folders(CLIP))(*rounded)["clip"].numpy()
    assert np.allclose(mine, np.exp(-STEEPNESS * (1 - cosine)), atol=2e-3)
    same = reward_of(WEIGHTS, Folders(CLIP))(a, a)
    assert torch.allclose(same["total"], torch.full((2,), 1.2), atol=1e-4)


def test_a_reward_says_its_version() -> None:
    assert set(versions(WEIGHTS)) == {"ssim", "clip"}
    assert all(versions(WEIGHTS).values())


@pytest.mark.weights
def test_the_risk_reward_is_one_less_the_risk_that_the_page_shows(photo: Image8, tmp_path: Path) -> None:
    models = make_models_with_risk(tmp_path / "models")
    corrupted = photo // 2
    shown = load_risk(models / "risk", models / "clip").score([Pair(photo, corrupted)])[0].value
    recovered, damaged = (torch.tensor(each).permute(2, 0, 1)[None].float() / 255 for each in (photo, corrupted))
    rewarded = reward_of({"risk": 1.0}, Folders(models / "clip", models / "risk"))(recovered, recovered, damaged)
    assert float(rewarded["total"]) == pytest.approx(1 - (shown or 0), abs=1e-5)


def test_the_risk_reward_needs_its_model_and_the_input() -> None:
    with pytest.raises(Unavailable, match="risk"):
        reward_of({"risk": 1.0}, Folders(CLIP))


def test_people_order_recoveries_as_their_verdicts_do() -> None:
    told = [("faithful", 0.0), ("benign_detail", 1.0), ("cannot_tell", 0.0), ("misleading", 2.0), ("misleading", 3.0)]
    rewards = [human_reward(*each) for each in told]
    assert rewards == sorted(rewards, reverse=True)
    assert (rewards[0], rewards[-1]) == (1.0, -1.0)


@given(st.sampled_from([None, *(each.value for each in Verdict)]), st.floats(0, 3), st.booleans())
def test_the_human_term_stays_in_its_range(verdict: str | None, severity: float, elusive: bool) -> None:
    assert -1 <= human_reward(verdict, severity) <= 1
    assert 1 <= hard_weight(verdict, severity, elusive) <= 5
    assert hard_weight(verdict, severity, True) > hard_weight(verdict, severity, False) or verdict is None


def test_flow_grpo_calls_ours_with_its_own_arguments(tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()
    (tmp_path / "corrupted").mkdir()
    clean = (np.random.default_rng(0).random((2, 32, 48, 3)) * 255).astype(np.uint8)
    rows = []
    for number, image in enumerate(clean):
        for folder in ("clean", "corrupted"):
            Image.fromarray(image if folder == "clean" else 255 - image).save(tmp_path / folder / f"{number}.png")
        row = {"image": f"corrupted/{number}.png", "target_image": f"clean/{number}.png", "prompt": "restore"}
        rows.append(json.loads(json.dumps(row)))
    score = maker(tmp_path, CLIP, weights={"ssim": 1.0})("cpu")
    values, parts = score(clean, ["restore"] * 2, rows)  # arrays, as its trainers may hand over
    assert values == pytest.approx([1.0, 1.0], abs=1e-4)
    assert parts["ssim"] == pytest.approx(values)
    tensor = torch.tensor(clean).permute(0, 3, 1, 2).float() / 255
    swapped, _ = score(tensor.flip(0), ["restore"] * 2, rows)
    assert max(swapped) < 0.5
    small, _ = score(tensor[..., ::2, ::2], ["restore"] * 2, rows)  # of another size: the clean image is scaled
    assert min(small) > 0.3
    with pytest.raises(InvalidInput, match="no reward"):
        maker(tmp_path, CLIP, weights={"beauty": 1.0})
