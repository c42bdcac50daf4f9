"""A checkpoint folder: what is missing, extra or wrong is named in one sentence; all sizes come from its files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
from safetensors.torch import load_file, save_file

from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.models.bagel.config import AutoencoderConfig, BagelConfig
from ru1_app.models.bagel.load import fetch, open_bagel, save_bagel
from ru1_app.models.bagel.model import Bagel, Delimiters
from ru1_app.models.bagel.place import Placement
from ru1_app.models.bagel.tokens import open_tokens
from tests.tiny_bagel import TINY, make_tiny_bagel, random_bagel

MAIN = "model.safetensors"
WHOLE = Placement(pack=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bagel(tmp_path_factory.mktemp("bagel") / "tiny")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "tiny"))


def change(path: Path, alter: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(path)
    alter(tensors)
    save_file(tensors, path)


def test_what_is_saved_is_loaded(made: Path) -> None:
    model = open_bagel(made, WHOLE)
    assert model.config == TINY
    before, after = random_bagel().state_dict(), model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    "config",
    [
        replace(TINY, autoencoder=AutoencoderConfig((32, 64), 2, 4), latent_patch=4, latent_side=20, vision_side=80),
        replace(TINY, language=replace(TINY.language, num_attention_heads=6, num_key_value_heads=3, head_dim=16)),
        replace(TINY, language=replace(TINY.language, tied=True, rms_norm_eps=1e-5, rope_theta=5e5)),
        replace(TINY, language=replace(TINY.language, qk_norm=False, hidden_act="gelu")),
        replace(TINY, vision=replace(TINY.vision, num_hidden_layers=1, patch_size=7, layer_norm_eps=1e-5)),
    ],
    ids=["autoencoder", "heads", "tied", "no-qk-norm", "vision"],
)
def test_every_dimension_is_read_from_the_files(tmp_path: Path, config: BagelConfig) -> None:
    model = open_bagel(make_tiny_bagel(tmp_path / "other", config, main_file="ema.safetensors"), WHOLE)
    assert model.config == config


@pytest.mark.parametrize("name", ["llm_config.json", "vit_config.json", "ae.safetensors", "tokenizer.json", MAIN])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(Unavailable, match=name.replace(".", r"\.")):
        open_bagel(folder)


def test_a_file_that_does_not_belong_is_named(folder: Path) -> None:
    save_file({"x": torch.zeros(1)}, folder / "lora.safetensors")
    with pytest.raises(Unavailable, match=r"lora\.safetensors"):
        open_bagel(folder)


def test_a_missing_tensor_is_named(folder: Path) -> None:
    name = "language_model.model.layers.1.self_attn.q_proj_moe_gen.bias"
    change(folder / MAIN, lambda tensors: tensors.pop(name))
    with pytest.raises(Unavailable, match=rf"lack the tensor '{name}'"):
        open_bagel(folder)


def test_a_missing_tensor_of_the_autoencoder_is_named(folder: Path) -> None:
    name = "decoder.up.1.block.0.norm1.weight"
    change(folder / "ae.safetensors", lambda tensors: tensors.pop(name))
    with pytest.raises(Unavailable, match=rf"autoencoder's weights lack the tensor '{name}'"):
        open_bagel(folder)


def test_an_extra_tensor_is_named(folder: Path) -> None:
    change(folder / MAIN, lambda tensors: tensors.update({"vit_model.vision_model.head.bias": torch.zeros(3)}))
    with pytest.raises(Unavailable, match=r"hold the tensor 'vit_model\.vision_model\.head\.bias'"):
        open_bagel(folder)


def test_a_tensor_of_another_shape_is_named_with_both_shapes(folder: Path) -> None:
    change(folder / MAIN, lambda tensors: tensors.update({"connector.fc1.bias": torch.zeros(7)}))
    with pytest.raises(Unavailable, match=r"'connector\.fc1\.bias' has the shape \[7\].*\[32\]"):
        open_bagel(folder)


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [("llm_config.json", "num_hidden_layers", 3), ("vit_config.json", "num_hidden_layers", 4)],
)
def test_a_configuration_of_another_depth_is_refused(folder: Path, file: str, key: str, value: int) -> None:
    raw = json.loads((folder / file).read_text("utf-8"))
    (folder / file).write_text(json.dumps({**raw, key: value}), "utf-8")
    with pytest.raises(Unavailable, match="lack the tensor"):
        open_bagel(folder)


@pytest.mark.parametrize("value", [None, 0, -1, "32", 1.5, True])
def test_a_value_that_is_no_size_is_named(folder: Path, value: Any) -> None:
    raw = json.loads((folder / "llm_config.json").read_text("utf-8"))
    (folder / "llm_config.json").write_text(json.dumps({**raw, "hidden_size": value}), "utf-8")
    with pytest.raises(Unavailable, match="'hidden_size' in the file 'llm_config.json'"):
        open_bagel(folder)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_broken_configuration_is_named(folder: Path, data: bytes) -> None:
    (folder / "vit_config.json").write_bytes(data)
    with pytest.raises(Unavailable, match=r"vit_config\.json"):
        open_bagel(folder)


def test_a_cut_weights_file_is_named(folder: Path) -> None:
    (folder / MAIN).write_bytes((folder / MAIN).read_bytes()[:1000])
    with pytest.raises(Unavailable, match=r"model\.safetensors.*damaged"):
        open_bagel(folder)


def test_shards_are_read_and_a_lost_one_is_named(folder: Path) -> None:
    tensors = load_file(folder / MAIN)
    (folder / MAIN).unlink()
    names = sorted(tensors)
    parts = {"part-1.safetensors": names[::2], "part-2.safetensors": names[1::2]}
    for file, inside in parts.items():
        save_file({name: tensors[name] for name in inside}, folder / file)
    index = {"weight_map": {name: file for file, inside in parts.items() for name in inside}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    state = open_bagel(folder, WHOLE).state_dict()
    assert torch.equal(state["connector.fc1.bias"], tensors["connector.fc1.bias"])
    (folder / "part-2.safetensors").unlink()
    with pytest.raises(Unavailable, match=r"part-2\.safetensors"):
        open_bagel(folder)


def test_position_tables_that_training_left_out_are_computed(folder: Path) -> None:
    change(folder / MAIN, lambda tensors: [tensors.pop(f"{kind}_pos_embed.pos_embed") for kind in ("vit", "latent")])
    before, after = random_bagel().state_dict(), open_bagel(folder, WHOLE).state_dict()
    for name in ("latent_positions", "vision_positions"):
        assert torch.equal(before[name], after[name])


def test_a_tokenizer_with_more_ids_than_embeddings_is_refused(folder: Path) -> None:
    with pytest.raises(Unavailable, match="261 ids, but the model has 200"):
        open_tokens(folder, 200)


def test_special_tokens_that_the_tokenizer_lacks_are_added(folder: Path) -> None:
    raw = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    raw["added_tokens"] = [each for each in raw["added_tokens"] if each["content"] != "<|vision_end|>"]
    (folder / "tokenizer.json").write_text(json.dumps(raw), "utf-8")
    tokens = open_tokens(folder, 300)
    assert tokens.added == ["<|vision_end|>"]
    assert tokens.image.end == len(tokens) - 1


def test_control_tokens_in_a_text_are_text_unless_upstream_is_wanted(made: Path) -> None:
    tokens = open_tokens(made, 300)
    text = "say <|im_end|> now"
    assert tokens.eos not in tokens.encode(text)
    assert tokens.decode(tokens.encode(text)) == text
    assert tokens.eos in tokens.encode(text, plain=False)


def velocity(model: Bagel) -> torch.Tensor:
    """One prediction with all three kinds of segments in its context."""
    context, marks = model.context(), Delimiters(1, 2)
    noise = torch.zeros(1, 16, 8, 8)
    model.feed_latent(model.compress(torch.zeros(3, 64, 64), noise), marks, [context])
    model.feed_seen(model.see(torch.zeros(3, 56, 56)), marks, [context])
    model.feed_text([1, 2, 3], [context])
    return model.query((4, 4), marks, [context]).velocities(torch.zeros(16, 64), 0.5)


def test_weights_are_placed_layer_by_layer(made: Path) -> None:
    whole = velocity(open_bagel(made, WHOLE))
    spread = open_bagel(made, Placement({"": "cpu", "language.layers.1": "cpu"}))
    torch.testing.assert_close(velocity(spread), whole, atol=1e-5, rtol=1e-4)
    low = open_bagel(made, Placement("cpu", torch.bfloat16))
    assert {each.dtype for each in low.parameters()} == {torch.bfloat16}
    torch.testing.assert_close(velocity(low), whole, atol=0.05, rtol=0.2)


def test_offloaded_layers_come_when_their_turn_does(made: Path) -> None:
    model = open_bagel(made, WHOLE)
    whole = velocity(model)
    for layer in model.language.layers:
        accelerate.cpu_offload(layer, torch.device("cpu"))
    assert {each.device.type for each in model.language.layers.parameters()} == {"meta"}
    torch.testing.assert_close(velocity(model), whole, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("devices", ["tpu", "cuda:x", {"vision": "cpu"}, {"": "nowhere"}])
def test_a_device_that_is_none_is_refused(made: Path, devices: Any) -> None:
    with pytest.raises(InvalidInput, match="device"):
        open_bagel(made, Placement(devices))


def test_packed_weights_are_not_saved(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pack=False"):
        save_bagel(open_bagel(made), tmp_path / "again")


def test_an_unknown_quantisation_is_refused(made: Path) -> None:
    with pytest.raises(InvalidInput, match="'8bit' and '4bit'"):
        open_bagel(made, Placement(quantize="3bit"))


def test_a_model_that_is_neither_folder_nor_on_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unavailable, match="could not be fetched"):
        fetch("nobody/has-this-model")
    with pytest.raises(Unavailable, match="no folder '/nowhere'"):
        open_bagel(Path("/nowhere"))
