"""Robust-U1 / BAGEL against recorded outputs of the original code, piece by piece. The set is read, not assumed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ru1_app.models.bagel.cache import Context
from ru1_app.models.bagel.edit import Drawn, Sight, Thought, edit, understand
from ru1_app.models.bagel.load import open_bagel
from ru1_app.models.bagel.model import Query
from ru1_app.models.bagel.names import AUTOENCODER, names
from ru1_app.models.bagel.pictures import from_patches, positions, target_size, to_patches, to_pixels, to_rgb, to_tensor
from ru1_app.models.bagel.place import Placement
from ru1_app.models.bagel.reasoner import Made, Said, Script, reason
from ru1_app.models.bagel.sampler import Branches, guided, sample, schedule
from ru1_app.models.bagel.settings import UPSTREAM, Renorm, Resize, Sampling, Writing
from ru1_app.models.bagel.writer import Written, action, body, write
from tests.golden import FOLDER, Golden, Recorded

pytestmark = pytest.mark.skipif(
    not (FOLDER / "manifest.json").is_file(), reason=f"no recorded outputs in {FOLDER} (set RU1_GOLDEN_DIR)"
)


@pytest.fixture(scope="module")
def golden() -> Iterator[Golden]:
    with torch.inference_mode():
        yield Golden()


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def fitted(golden: Golden) -> Image.Image:
    return golden.session().fit(golden.image("img.corrupted_rgb"))


@pytest.fixture(scope="module")
def contexts(golden: Golden, fitted: Image.Image) -> dict[str, Any]:
    """The recorded contexts, with the hidden states after the last norm of each segment."""
    with torch.inference_mode():
        model, tokens = golden.model, golden.tokens
        ids = tokens.segment(golden.manifest["prompts"]["prompt"], plain=False)
        text, image = model.context(), model.context()
        states: dict[str, Tensor] = {"ctx_text": model.language.norm(model.feed_text(ids, [text])[0])}
        latent = model.compress(to_tensor(fitted), golden.array("ctx_img_a_vae.posterior_noise"))
        ends, inner = model.feed_latent(latent, tokens.image, [image])
        ends, inner = model.language.norm(ends[0]), model.language.norm_gen(inner[0])
        states["ctx_img_a_vae"] = torch.cat([ends[:1], inner, ends[1:]])
        after_latent = image.prefix()
        seen = model.see(seen_tensor(golden, fitted))
        states["ctx_img_b_vit"] = model.language.norm(model.feed_seen(seen, tokens.image, [image])[0])
        after_seen = image.prefix()
        states["ctx_img_c_text"] = model.language.norm(model.feed_text(ids, [image])[0])
        made = {
            "ctx_text": text, "ctx_img_a_vae": after_latent, "ctx_img_b_vit": after_seen, "ctx_img_c_text": image,
        }  # fmt: skip
        return {"ids": ids, "hidden": states, **made}


def seen_tensor(golden: Golden, fitted: Image.Image) -> Tensor:
    size = target_size(fitted.size, golden.settings.vision_resize, area_root=False)
    return to_tensor(fitted.resize(size, Image.Resampling.BICUBIC) if size != fitted.size else fitted)


def test_token_ids_are_those_of_the_original(golden: Golden) -> None:
    said, tokens = golden.manifest["tokenizer"], golden.tokens
    ids = said["special_ids"]
    assert (tokens.bos, tokens.eos, tokens.end) == (ids["bos_token_id"], ids["eos_token_id"], ids["end_of_text"])
    assert tokens.image == (ids["start_of_image"], ids["end_of_image"])
    assert len(tokens) == said["len"]
    for case in said["cases"]:
        assert tokens.encode(case["text"], plain=False) == case["ids"], case["text"]
        assert tokens.decode(case["ids"]) == case["decoded"]


def test_every_size_of_the_resize_table(golden: Golden) -> None:
    for case in golden.manifest["resize_cases"]:
        rule = Resize(case["max"], case["min"], case["stride"])
        assert target_size(tuple(case["in_wh"]), rule, area_root=False) == tuple(case["out_wh"]), case


def test_images_are_prepared_as_in_the_original(golden: Golden, fitted: Image.Image) -> None:
    transparent = Image.fromarray(golden.array("img.rgba_in").numpy(), "RGBA")
    golden.near(np.array(to_rgb(transparent)).astype(int), "img.rgba_to_rgb", 0)
    golden.near(np.array(fitted).astype(int), "img.vae_resized", 0)
    golden.near(to_tensor(fitted), "img.vae_tensor", 1e-7)
    seen, config = seen_tensor(golden, fitted), golden.model.config
    golden.near(seen, "img.vit_tensor", 1e-7)
    patch = config.vision.patch_size
    golden.near(to_patches(seen, patch), "img.vit_patches", 1e-7)
    grid = (seen.shape[1] // patch, seen.shape[2] // patch)
    golden.near(positions(grid, config.vision_side), "img.vit_pos_ids", 0)
    golden.near(positions(golden.session().grid(fitted), config.latent_side), "img.vae_pos_ids", 0)


def test_the_autoencoder_encodes_and_decodes_alike(golden: Golden, fitted: Image.Image) -> None:
    model, pixels = golden.model, to_tensor(fitted)
    golden.near(torch.cat(model.autoencoder.moments(pixels[None]), 1), "vae.moments", golden.close)
    latent = model.compress(pixels, golden.array("vae.posterior_noise"))
    golden.near(latent[None], "vae.latent", golden.close)
    golden.near(model.compress(pixels, None)[None], "vae.latent_mode", golden.close)
    patch = model.config.latent_patch
    golden.near(to_patches(latent, patch), "vae.patchified_latent", golden.close)
    decoded = model.autoencoder.decode(golden.array("vae.latent"))
    golden.near(decoded, "vae.decoded", golden.decoded)
    golden.pixels(to_pixels(decoded[0], rounded=False), "vae.decoded_image_u8")
    again = from_patches(to_patches(latent, patch), golden.session().grid(fitted), patch)
    assert torch.equal(again, latent)


def test_the_vision_tower_sees_alike_layer_by_layer(golden: Golden, fitted: Image.Image) -> None:
    model, seen = golden.model, seen_tensor(golden, fitted)
    tower, config = model.vision, model.config
    grid = (seen.shape[1] // config.vision.patch_size, seen.shape[2] // config.vision.patch_size)
    where = positions(grid, config.vision_side)
    x = tower.patch_embedding(to_patches(seen, config.vision.patch_size)) + tower.position_embedding(where)
    golden.near(x, "vit.emb", golden.close)
    for number, layer in enumerate(tower.layers):
        x = layer(x[None], None)[0]
        golden.near(x, f"vit.layer{number}", golden.close)
    assert f"vit.layer{len(tower.layers)}" not in golden.names
    golden.near(tower.post_layernorm(x), "vit.post_ln", golden.close)
    golden.near(model.connector(tower.post_layernorm(x)), "vit.connector", golden.close)
    golden.near(model.see(seen), "vit.connector_plus_pos", golden.close)


def test_the_embedding_of_time(golden: Golden) -> None:
    names = [name for name in golden.names if name.startswith("time_embed.t")]
    assert names
    for name in names:
        golden.near(golden.model.time(float(name.removeprefix("time_embed.t"))), name, golden.close)


@pytest.mark.parametrize("name", ["ctx_text", "ctx_img_a_vae", "ctx_img_b_vit", "ctx_img_c_text"])
def test_contexts_hold_the_same_keys_and_values(golden: Golden, contexts: dict[str, Any], name: str) -> None:
    context: Context = contexts[name]
    said = golden.manifest["contexts"][name]
    assert (context.length, context.rope) == (said["kv_lens"][0], said["ropes"][0])
    golden.near(contexts["hidden"][name], f"{name}.hidden", golden.close)
    layers = golden.model.config.language.num_hidden_layers
    assert f"{name}.k{layers}" not in golden.names
    for layer in range(layers):
        keys, values = context.key_values(layer)
        golden.near(keys, f"{name}.k{layer}", golden.close)
        golden.near(values, f"{name}.v{layer}", golden.close)
    if name == "ctx_text":
        assert contexts["ids"] == golden.manifest["ctx_text_ids"]
        golden.near(golden.model.embed(contexts["ids"]), "ctx_text.input_embeds", golden.close)


def branches_of(golden: Golden, contexts: dict[str, Any]) -> Branches:
    said = golden.manifest["flow"]
    return Branches(contexts[said["context"]], contexts[said["cfg_text_context"]], contexts[said["cfg_img_context"]])


def query_of(golden: Golden, contexts: dict[str, Any]) -> Query:
    return golden.model.query(grid_of(golden), golden.tokens.image, branches_of(golden, contexts))


def grid_of(golden: Golden) -> tuple[int, int]:
    height, width = golden.manifest["flow"]["image_hw"]
    side = golden.model.config.pixels_per_token
    return height // side, width // side


def test_velocities_of_every_branch(golden: Golden, contexts: dict[str, Any]) -> None:
    query, t = query_of(golden, contexts), golden.manifest["flow"]["t"]
    x = golden.array("flow.x_t")
    ends, inner = query.ends, query.tokens(x, t)
    golden.near(torch.cat([ends[:1], inner, ends[1:]]), "flow.input_embeds", golden.close)
    velocities = query.velocities(x, t)
    for number, name in enumerate(("flow.v_cond", "flow.v_cfg_text", "flow.v_cfg_img")):
        golden.near(velocities[number], name, golden.loose)
    for name, context in zip(("cond", "cfg_text", "cfg_img"), branches_of(golden, contexts), strict=True):
        assert golden.array(f"flow.position_ids_{name}").tolist() == [context.rope]
    first_ends, first_inner = query.only(1).hidden(x, t)
    norm = golden.model.language
    parts = [norm.norm(first_ends[0]), norm.norm_gen(first_inner[0])]
    golden.near(torch.cat([parts[0][:1], parts[1], parts[0][1:]]), "flow.hidden_cond", golden.close)


def test_every_guidance_formula(golden: Golden, contexts: dict[str, Any]) -> None:
    said = golden.manifest["flow"]
    full, no_text, no_image = (golden.array(f"flow.{name}") for name in ("v_cond", "v_cfg_text", "v_cfg_img"))
    base = Sampling(text_scale=said["cfg_text_scale"], image_scale=said["cfg_img_scale"])
    seen = 0
    for name in golden.names:
        if match := re.fullmatch(r"flow\.v_cfg\.(textonly\.)?(global|channel|text_channel)\.min([\d.]+)", name):
            plan = replace(base, renorm=Renorm(match[2]), renorm_min=float(match[3]))
            golden.near(guided(full, no_text, None if match[1] else no_image, plan), name, golden.loose)
            seen += 1
    assert seen


def test_upstream_throws_image_guidance_away_without_text_guidance(golden: Golden, contexts: dict[str, Any]) -> None:
    golden.near(golden.array("flow.v_cond"), "flow.v_cfg.imgonly", golden.loose)
    plan = Sampling(points=2, shift=1, text_scale=1, image_scale=2)
    start = golden.array("flow.x_t")
    first = query_of(golden, contexts).velocities(start, 1.0)
    for choices, want in ((UPSTREAM, first[0]), (replace(UPSTREAM, image_guidance_alone=True), None)):
        draws = Recorded([], [start])
        (step,) = sample(
            golden.model, branches_of(golden, contexts), grid_of(golden), golden.tokens.image, (plan, choices), draws
        )
        if want is None:
            want = guided(first[0], None, first[2], plan)
        assert float((step.x - (start - want)).abs().max()) <= golden.loose


def test_the_schedules(golden: Golden) -> None:
    names = [name for name in golden.names if name.startswith("sched.")]
    assert names
    for name in names:
        match = re.fullmatch(r"sched\.n(\d+)_shift([\d.]+)", name)
        assert match
        golden.near(schedule(int(match[1]), float(match[2])), name, 1e-6)


def test_every_variant_of_the_sampler(golden: Golden, contexts: dict[str, Any]) -> None:
    for name, hyper in golden.manifest["sample"].items():
        recorded = [key for key in golden.names if key.startswith(f"sample.{name}.sde_noise_step")]
        steps = tuple(int(key.rpartition("sde_noise_step")[2]) for key in recorded)
        plan = replace(golden.sampling(hyper), noisy_steps=steps)
        draws = Recorded([], [golden.array("sample.init_noise")], [golden.array(key) for key in recorded])
        branches, marks = branches_of(golden, contexts), golden.tokens.image
        made = list(sample(golden.model, branches, grid_of(golden), marks, (plan, UPSTREAM), draws))
        assert len(made) == hyper["num_timesteps"] - 1
        golden.near(made[-1].x, f"sample.{name}.latent", golden.loose)
        golden.pixels(golden.session().pixels(made[-1].x, grid_of(golden)), f"sample.{name}.image_u8")
        if f"sample.{name}.trajectory" in golden.names:
            golden.near(torch.stack([step.x for step in made]), f"sample.{name}.trajectory", golden.loose)
        if f"sample.{name}.mean_log_prob" in golden.names:
            found = [step.log_prob for step in made if step.log_prob is not None]
            golden.near(torch.tensor(found).mean()[None], f"sample.{name}.mean_log_prob", golden.loose)
        assert not any(draws.left.values())


def test_greedy_texts_and_their_logits(golden: Golden, contexts: dict[str, Any]) -> None:
    for name, key in (("after_text_only", "ctx_text"), ("after_vae_vit_text", "ctx_img_c_text")):
        said, context = golden.manifest["text"][name], contexts[key]
        before = context.length, context.rope
        assert before == (said["kv_lens"][0], said["ropes"][0])
        assert greedy(golden, context, said["max_length"]).ids == said["ids_including_start"]
        assert (context.length, context.rope) == before
        compare_logits(golden, context, said["ids_including_start"], f"text.{name}.logits_first")


def greedy(golden: Golden, context: Context, limit: int) -> Written:
    *_, last = write(golden.model, golden.tokens, context, Writing(limit, 0.0), Recorded([], []))
    assert isinstance(last, Written)
    return last


def compare_logits(golden: Golden, context: Context, ids: list[int], name: str) -> None:
    length, rope = context.length, context.rope
    rows = [golden.model.next_logits(token, context) for token in ids[: len(golden.array(name))]]
    context.rewind(length, rope)
    golden.near(torch.stack(rows), name, golden.loose)


@pytest.mark.parametrize("name", ["understanding", "understanding_original"])
def test_understanding_one_image(golden: Golden, name: str) -> None:
    said = golden.manifest["text"][name]
    image = golden.image("img.original_rgb" if name.endswith("_original") else "img.corrupted_rgb")
    question, session = golden.manifest["prompts"]["question"], golden.session()
    *_, text = understand(session, [image], question, Writing(said["max_length"], 0.0))
    assert text == said["call_result"]
    context = session.context()
    session.show(session.fit(image), [context], latent=False, seen=True)
    session.tell(question, [context])
    assert (context.length, context.rope) == (said["kv_lens"][0], said["ropes"][0])
    assert greedy(golden, context, said["max_length"]).ids == said["ids_including_start"]
    compare_logits(golden, context, said["ids_including_start"], f"text.{name}.logits_first")


@pytest.mark.parametrize("name", ["edit_app", "edit_app_think"])
def test_the_single_edit(golden: Golden, name: str) -> None:
    said = golden.manifest["edit_app"]
    draws = Recorded([golden.array(f"{name}.posterior_noise")], [golden.array(f"{name}.init_noise")])
    session, thinks = golden.session(draws), name.endswith("_think")
    events = list(
        edit(
            session, golden.image("img.corrupted_rgb"), golden.manifest["prompts"]["prompt"],
            golden.sampling(said["hyper"]), Sight.LATENT, Writing(said["think_max_tokens"], 0.0) if thinks else None,
        )
    )  # fmt: skip
    drawn = events[-1]
    assert isinstance(drawn, Drawn)
    golden.pixels(session.pixels(drawn.x, drawn.grid), f"{name}.image_u8")
    thoughts = [event.text for event in events if isinstance(event, Thought)]
    assert thoughts[-1:] == ([said["think_text"]] if thinks else [])


def test_the_reasoner_runs(golden: Golden) -> None:
    for name, said in golden.manifest["reasoner"].items():
        noises = sorted(
            (key for key in golden.names if key.startswith(f"reasoner.{name}.noise_")),
            key=lambda key: int(re.findall(r"\d+$", key)[0]),
        )
        draws = Recorded(
            [golden.array(key) for key in noises if ".noise_post" in key],
            [golden.array(key) for key in noises if ".noise_init" in key],
        )
        session = golden.session(draws)
        script = Script(
            [golden.image(each) if each in golden.names else each for each in said["inputs"]],
            said["system_prompt"],
            golden.image(said["original_image"]) if said["original_image"] else None,
            said["max_iterations"],
            golden.sampling(said["hyper"]),
            Writing(said["max_length"], 0.0),
        )
        events = [event for event in reason(session, script) if isinstance(event, Said | Made)]
        wanted = [step for step in said["steps"] if step["iteration"] > 0]
        assert len(events) == len(wanted), name
        for event, step in zip(events, wanted, strict=True):
            if isinstance(event, Said):
                assert event.text == step["content"], name
            else:
                golden.pixels(event.image, step["array"])
        assert not any(draws.left.values())


def test_the_end_of_a_text_is_read_as_upstream_reads_it(golden: Golden) -> None:
    cases = golden.manifest["reasoner_postprocess"]
    assert cases
    for case in cases:
        written = Written(case["ids"], complete=golden.tokens.eos in case["ids"])
        assert body(golden.tokens, written, keep_all=False) == case["text"]
        assert action(golden.tokens, written, keep_all=False).value == case["next_action"]


def test_the_recorded_tensors_are_those_of_the_files(golden: Golden) -> None:
    state = open_bagel(golden.folder / "checkpoint", Placement(pack=False)).state_dict()
    ours = names(state, len(golden.model.config.autoencoder.channels))
    assert {n for n, our in ours.items() if our.startswith(AUTOENCODER)} == set(golden.manifest["ae_keys"])
    main = {n for n, our in ours.items() if not our.startswith(AUTOENCODER)}
    assert main >= set(golden.manifest["checkpoint_keys"])
