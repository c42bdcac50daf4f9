"""The embedded answerer's parts: a word-level tokenizer, a processor and a small LLaVA, all stock classes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ru1_app.models.trace import CANNOT_TELL, LEVELS, SO
from ru1_app.scenes.questions import AHEAD, DESCRIBE, caption, questions_for
from ru1_app.scenes.scene import ARROWS, CAR_COLOURS, EXTRAS, LIGHTS, MAX_PEOPLE, SPEEDS, WORDS, sample_scene

SIDE = 128  # pixels the model sees
GRID = 8  # image tokens per side
_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<image>", "A", "B", "C", "D")
_EXTRA_WORDS = (
    "the a an is are there in of on this that picture image photo scene road street sign board do you see "
    "traffic lights lamp vehicle person people man walking pedestrian limit km h grey gray orange brown pink "
    "ahead straight forward turn zero one two three four five 0 1 2 3 4 5 20 40 60 90 none nobody yes no "
    "first second both which what how many much where say says read written colour color signal not"
)
_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %} {{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %} Answer:{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths and depths of the model."""

    vision_width: int
    vision_depths: list[int]
    text_width: int
    text_depth: int
    text_heads: int


def vocabulary() -> list[str]:
    """Every word of the questions, options and captions, sorted, after the special tokens."""
    words = set(_EXTRA_WORDS.split())
    for seed in range(600):
        scene = sample_scene(seed)
        texts = [caption(scene)]
        for _, question in questions_for(scene, np.random.default_rng(seed)):
            texts += [question.text, *question.options]
        words.update(re.findall(r"\w+|[^\w\s]", " ".join(texts).lower()))
    words.update(re.findall(r"\w+", " ".join([*LIGHTS, *ARROWS, *CAR_COLOURS, *EXTRAS, *WORDS]).lower()))
    words.update(str(speed) for speed in SPEEDS)
    words.update(re.findall(r"\w+", " ".join([*DESCRIBE, *LEVELS, SO, CANNOT_TELL]).lower()))
    words.update(".,:?!")
    words.add("answer")
    return [*_SPECIAL, *sorted(words)]


def build_tokenizer() -> Any:
    """Lower-cased words; a capital A, B, C or D on its own is an option letter, not an article."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocab = {word: index for index, word in enumerate(vocabulary())}
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.add_tokens([AddedToken(letter, single_word=True, normalized=False) for letter in "ABCD"])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
        padding_side="left",
        model_max_length=512,
    )


def build_processor(tokenizer: Any) -> Any:
    """Resize to `SIDE`, scale to [-1, 1], one placeholder per image token."""
    from transformers import LlavaProcessor, SiglipImageProcessor

    images = SiglipImageProcessor(
        size={"height": SIDE, "width": SIDE}, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=SIDE // GRID,
        vision_feature_select_strategy="full",
        chat_template=_TEMPLATE,
        image_token="<image>",
        num_additional_image_tokens=0,
    )


def build_model(sizes: Sizes, tokenizer: Any) -> Any:
    """A LLaVA of a three-stage Swin tower and a small Llama, at random."""
    from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, SwinConfig

    stages = len(sizes.vision_depths)
    vision = SwinConfig(
        image_size=SIDE,
        patch_size=SIDE // GRID // 2 ** (stages - 1),
        embed_dim=sizes.vision_width,
        depths=sizes.vision_depths,
        num_heads=[max(1, sizes.vision_width * 2**stage // 24) for stage in range(stages)],
        window_size=GRID,
        mlp_ratio=3.0,
        drop_path_rate=0.0,
        use_absolute_embeddings=True,  # which sign stands further left is asked
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.text_width,
        intermediate_size=sizes.text_width * 3,
        num_hidden_layers=sizes.text_depth,
        num_attention_heads=sizes.text_heads,
        num_key_value_heads=sizes.text_heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=GRID * GRID,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )
    return LlavaForConditionalGeneration(config)


def scope() -> dict[str, Any]:
    """What the checkpoint can answer: the adapter reads it from `scope.json` beside the weights."""

    def topic(words: str, answers: Iterable[object], **more: object) -> dict[str, Any]:
        return {"words": words.split(), "answers": [str(answer) for answer in answers], **more}

    return {
        "topics": {
            "light": topic("light lamp", LIGHTS),
            "arrow": topic("arrow", ("left", "right", *AHEAD)),
            "car_colour": topic("car", CAR_COLOURS),
            "count": topic("people pedestrians persons", range(MAX_PEOPLE + 1)),
            "speed": topic("speed number fast", SPEEDS),
            "word": topic("word sign board", WORDS),
            "presence": topic("tree cone cloud", ("yes", "no")),
            "position": topic("left right", ("left", "right"), compared=2),
            "caption": topic("describe caption", (), free=True),
        },
        "max_unknown_share": 0.15,
        "choose_by": "words",
        "synonyms": {name: "straight" for name in AHEAD},
        "trace": True,
        "note": (
            "This small model was trained on drawn road scenes (traffic light, arrow sign, car colour, people to "
            "count, speed number, short word, tree, cone or cloud, which sign is left of which) only; do not trust its "
            "answer here."
        ),
    }
