"""Robust-U1 behind the protocols, on a tiny random checkpoint: recover, answer, reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ru1_app.domain import Answered, Condition, Question
from ru1_app.errors import InvalidInput
from ru1_app.models.bagel.adapter import BagelAdapter, demo_prompt, load
from ru1_app.models.bagel.draws import Seeded
from ru1_app.models.bagel.language import Decoder
from ru1_app.models.bagel.load import open_bagel
from ru1_app.models.bagel.model import Delimiters
from ru1_app.models.bagel.place import Placement
from ru1_app.models.bagel.session import Session
from ru1_app.models.bagel.settings import Resize, Sampling, Settings, Writing
from ru1_app.models.bagel.tokens import open_tokens
from ru1_app.models.bagel.use import use_of
from ru1_app.models.bagel.writer import Written, body, cut_answers
from ru1_app.models.base import (
    AnswerRequest,
    Progress,
    Reasoned,
    Reasoner,
    ReasonRequest,
    Recovered,
    RecoverRequest,
    StreamingAnswerer,
    Words,
)
from tests.tiny_bagel import SMALL, make_talking_bagel

MARKS = Delimiters(1, 2)
QUESTION = Question("What colour is the light?", ("red", "green"))
PHOTO = np.random.default_rng(0).integers(0, 256, (45, 70, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_talking_bagel(tmp_path_factory.mktemp("bagel") / "talking")


@pytest.fixture(scope="module")
def adapter(folder: Path) -> BagelAdapter:
    return load(folder, temperature=0.0, **SMALL)


def recovered(adapter: BagelAdapter, **changes: int) -> Recovered:
    *_, last = adapter.recover(RecoverRequest(PHOTO, **{"steps": 3, **changes}))
    assert isinstance(last, Recovered)
    return last


def test_a_recovery_has_the_size_of_its_input_and_says_how_it_was_made(adapter: BagelAdapter) -> None:
    made = recovered(adapter)
    assert made.images[0].shape == PHOTO.shape
    assert made.images[0].dtype == np.uint8
    assert made.settings["steps"] == 3
    assert made.settings["text_scale"] == 4.0
    assert not made.settings["upstream_compatible"]
    assert made.uncertainty is None
    assert made.uncertainty_note


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_same_seed_gives_the_same_bytes_and_leaves_the_global_state_alone(adapter: BagelAdapter, seed: int) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = recovered(adapter, seed=seed).images[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert np.array_equal(recovered(adapter, seed=seed).images[0], first)
    assert not np.array_equal(recovered(adapter, seed=(seed + 1) % 2**32).images[0], first)


def test_draw_k_is_the_recovery_of_seed_plus_k(adapter: BagelAdapter) -> None:
    draws = recovered(adapter, seed=4, samples=2).images
    assert np.array_equal(draws[1], recovered(adapter, seed=5).images[0])


def test_each_step_is_told_with_a_preview(adapter: BagelAdapter) -> None:
    events = list(adapter.recover(RecoverRequest(PHOTO, steps=3, samples=2)))
    steps = [event for event in events if isinstance(event, Progress)]
    assert [(event.step, event.total) for event in steps] == [(k, 6) for k in range(1, 7)]
    assert all(event.preview is not None and event.preview.ndim == 3 for event in steps)


def test_closing_stops_within_one_step(adapter: BagelAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    whole = Decoder.forward

    def counted(self: Decoder, *given: object) -> object:
        nonlocal calls
        calls += 1
        return whole(self, *given)

    monkeypatch.setattr(Decoder, "forward", counted)
    events = adapter.recover(RecoverRequest(PHOTO, steps=50))
    next(events)
    after_one = calls
    events.close()
    assert calls == after_one
    assert calls <= 4  # image, text into two contexts, one step for all branches


def test_it_answers_from_one_image_and_from_two_and_can_be_watched(adapter: BagelAdapter) -> None:
    assert isinstance(adapter, StreamingAnswerer)
    assert adapter.streams
    requests = [
        AnswerRequest([PHOTO], Condition.CORRUPTED, QUESTION),
        AnswerRequest([PHOTO, PHOTO], Condition.BOTH, QUESTION),
    ]
    answers = adapter.answer(requests)
    assert [(each.text, each.choice) for each in answers] == [("B", "B")] * 2
    *words, last = adapter.stream(requests[0])
    assert isinstance(last, Answered)
    assert words[-1] == Words("B")


def test_it_recovers_and_reasons_in_one_pass(adapter: BagelAdapter) -> None:
    assert isinstance(adapter, Reasoner)
    events = list(adapter.reason(ReasonRequest(PHOTO, QUESTION, steps=2)))
    done = events[-1]
    assert isinstance(done, Reasoned)
    assert done.recovered is not None
    assert done.recovered.images[0].shape == PHOTO.shape
    assert done.trace == "B\n\nB\n\nB"  # text, image, text, image, text: five iterations
    assert done.answered.choice == "B"
    assert [event.step for event in events if isinstance(event, Progress)] == [1, 2, 1, 2]


def test_the_request_of_the_demo_is_spelt_as_upstream(adapter: BagelAdapter) -> None:
    assert demo_prompt(QUESTION) == (
        "Question: What colour is the light?\nOptions:\nA. red\nB. green\nPlease restore this corrupted image to its "
        "clean version.\nBased on what you observe in the restored image, please select the correct answer from the "
        "options above.\n"
    )
    assert "Options" not in demo_prompt(Question("What is this?"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shfit": 3}, "'shfit' is unknown"),
        ({"shift": "3"}, "'shift' is '3'"),
        ({"think": 1}, "'think' is 1"),
        ({"renorm": "no"}, "none that there is"),
        ({"sight": "eyes"}, "none that there is"),
        ({"interval": [0.1]}, "none that there is"),
        ({"dtype": "float8"}, "no number format 'float8'"),
    ],
)
def test_an_option_that_is_none_is_refused(folder: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load(folder, **options)


def test_upstream_compatible_takes_upstreams_accidents() -> None:
    ours, theirs = use_of({}), use_of({"upstream_compatible": True})
    assert ours.edit.noise_level == 0
    assert theirs.edit.noise_level == 0.7
    assert theirs.edit.noisy_steps == (3,)
    assert ours.settings.choices.shared_posterior
    assert not theirs.settings.choices.shared_posterior
    assert use_of({"upstream_compatible": True, "noise_level": 0.0}).edit.noise_level == 0


def test_a_shared_posterior_is_drawn_once_for_all_contexts(folder: Path) -> None:
    model = open_bagel(folder)
    tokens = open_tokens(folder, 300)
    settings = Settings(Resize(64, 32, 16), Resize(56, 28, 14))
    session = Session(model, tokens, settings, Seeded(0))
    contexts = [session.context(), session.context()]
    from PIL import Image

    session.show(session.fit(Image.fromarray(PHOTO)), contexts, latent=True, seen=True)
    keys = [context.key_values(1)[0] for context in contexts]
    assert torch.equal(keys[0], keys[1])


def test_a_prefix_sees_what_was_there_and_the_whole_may_grow(folder: Path) -> None:
    model = open_bagel(folder)
    context, alone = model.context(), model.context()
    for each in (context, alone):
        model.feed_text([1, 2, 3], [each])
    prefix = context.prefix()
    model.feed_text([4] * 700, [context])  # past the first buffer
    x = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    both = model.query((2, 2), MARKS, [context, prefix]).velocities(x, 0.5)
    (single,) = model.query((2, 2), MARKS, [alone]).velocities(x, 0.5)
    torch.testing.assert_close(both[1], single, atol=1e-5, rtol=1e-4)
    assert (prefix.length, context.length) == (3, 703)


def test_asking_for_an_image_leaves_the_context_as_it_was(folder: Path) -> None:
    model = open_bagel(folder)
    context = model.context()
    model.feed_text([1, 2, 3], [context])
    before = [each.clone() for each in context.key_values(1)]
    model.query((4, 4), MARKS, [context]).velocities(torch.randn(16, 64), 0.5)
    after = context.key_values(1)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert context.length == 3


def test_tokens_one_by_one_are_the_text_at_once(folder: Path) -> None:
    model = open_bagel(folder)
    whole, parts = model.context(), model.context()
    hidden = model.feed_text([5, 6, 7, 8], [whole])[0, -1]
    rows = [model.next_logits(token, parts) for token in (5, 6, 7, 8)]
    torch.testing.assert_close(rows[-1], model.language.logits(hidden), atol=1e-4, rtol=1e-3)


def test_a_text_that_met_the_limit_keeps_all_its_tokens(folder: Path) -> None:
    tokens = open_tokens(folder, 300)
    written = Written([tokens.bos, *tokens.encode("cut off")], complete=False)
    assert body(tokens, written) == "cut off"
    assert body(tokens, written, keep_all=False) == "cut o"


def test_a_text_that_repeats_its_answer_is_cut() -> None:
    assert cut_answers("x<ANSWER>1<ANSWER>2<ANSWER>3<ANSWER>4") == "x<ANSWER>1<ANSWER>2"
    assert cut_answers("x<ANSWER>1<ANSWER>2<ANSWER>3") == "x<ANSWER>1<ANSWER>2<ANSWER>3"


def test_the_defaults_are_upstreams() -> None:
    assert Sampling() == Sampling(50, 3.0, 4.0, 2.0, (0.0, 1.0))
    assert Writing() == Writing(2048, 0.3)
    assert use_of({}).edit.renorm_min == 1.0
    assert use_of({}).reason.renorm_min == 0.0


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_quantised_weights_stay_near(folder: Path, bits: str) -> None:
    pytest.importorskip("bitsandbytes")
    from tests.unit.test_bagel_files import velocity

    whole, packed = (velocity(open_bagel(folder, Placement(quantize=each, pack=False))) for each in (None, bits))
    assert float((whole - packed).abs().mean()) < 0.15 * float(whole.abs().mean())
    assert not torch.equal(whole, packed)
