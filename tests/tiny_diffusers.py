"""Tiny random checkpoints of the real diffusers and transformers classes, saved as their authors save them."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch

WORDS = 77  # tokens of a prompt
_NO_CHECKER = {"safety_checker": None, "feature_extractor": None}


def tokenizer() -> Any:
    """A CLIP tokenizer that knows letters only."""
    from transformers import CLIPTokenizer

    letters = string.ascii_lowercase + string.digits + string.punctuation
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, model_max_length=WORDS)


def unet(channels: int, **more: Any) -> Any:
    """A UNet that reads `channels` latent channels and writes four."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16, in_channels=channels, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4, **more,
    )  # fmt: skip


def parts(channels: int) -> dict[str, Any]:
    """What a Stable Diffusion pipeline is made of; its UNet reads `channels` latent channels."""
    from diffusers import AutoencoderKL, EulerDiscreteScheduler
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    words = tokenizer()
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8), in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3, sample_size=64,
    )  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=WORDS, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
    )
    encoder = CLIPTextModel(text)
    return {"unet": unet(channels), "vae": vae, "text_encoder": encoder, "tokenizer": words, "scheduler": scheduler}


def make_tiny_pix2pix(folder: Path, *, safety: bool = False) -> Path:
    """An InstructPix2Pix pipeline, its autoencoder reducing four times; with a random safety checker if asked."""
    from diffusers import StableDiffusionInstructPix2PixPipeline

    checker = _safety() if safety else _NO_CHECKER
    return _saved(StableDiffusionInstructPix2PixPipeline(**parts(8), **checker, requires_safety_checker=safety), folder)


def make_tiny_img2img(folder: Path) -> Path:
    """A Stable Diffusion image-to-image pipeline."""
    from diffusers import StableDiffusionImg2ImgPipeline

    return _saved(StableDiffusionImg2ImgPipeline(**parts(4), **_NO_CHECKER, requires_safety_checker=False), folder)


def make_tiny_text_to_image(folder: Path) -> Path:
    """A Stable Diffusion pipeline that makes images from text."""
    from diffusers import StableDiffusionPipeline

    return _saved(StableDiffusionPipeline(**parts(4), **_NO_CHECKER, requires_safety_checker=False), folder)


def make_tiny_inpainter(folder: Path) -> Path:
    """A Stable Diffusion inpainting pipeline, which needs a mask."""
    from diffusers import StableDiffusionInpaintPipeline

    return _saved(StableDiffusionInpaintPipeline(**parts(9), **_NO_CHECKER, requires_safety_checker=False), folder)


def make_tiny_upscaler(folder: Path) -> Path:
    """A pipeline that makes images four times larger; it has the older kind of callback."""
    from diffusers import DDPMScheduler, StableDiffusionUpscalePipeline

    made = parts(7)
    made["unet"] = unet(7, num_class_embeds=1000)
    made["vae"].register_to_config(scaling_factor=0.08333)
    return _saved(StableDiffusionUpscalePipeline(**made, low_res_scheduler=DDPMScheduler()), folder)


def make_tiny_super_resolution(folder: Path) -> Path:
    """A pipeline with neither prompt nor callback, which makes images four times larger."""
    from diffusers import DDIMScheduler, LDMSuperResolutionPipeline, UNet2DModel, VQModel

    torch.manual_seed(0)
    network = UNet2DModel(
        in_channels=6, out_channels=3, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
    )  # fmt: skip
    coder = VQModel(
        block_out_channels=(8, 8, 8), latent_channels=3, norm_num_groups=4, num_vq_embeddings=16,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    return _saved(LDMSuperResolutionPipeline(vqvae=coder, unet=network, scheduler=DDIMScheduler()), folder)


def make_tiny_kontext(folder: Path) -> Path:
    """A FLUX.1 Kontext pipeline: packed latents of a transformer, an autoencoder reducing four times."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        FluxKontextPipeline,
        FluxTransformer2DModel,
    )
    from transformers import T5Config, T5EncoderModel

    made = parts(4)
    transformer = FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    config = T5Config(vocab_size=len(made["tokenizer"]), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    made["vae"].register_to_config(shift_factor=0.1)
    return _saved(
        FluxKontextPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(), vae=made["vae"], transformer=transformer,
            text_encoder=made["text_encoder"], tokenizer=made["tokenizer"],
            text_encoder_2=T5EncoderModel(config), tokenizer_2=tokenizer(),
        ),
        folder,
    )  # fmt: skip


def make_tiny_swin2sr(folder: Path, *, upscale: int = 2, upsampler: str | None = "pixelshuffle") -> Path:
    """A Swin2SR that makes images `upscale` times larger."""
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution, Swin2SRImageProcessor

    torch.manual_seed(0)
    config = Swin2SRConfig(
        image_size=16, embed_dim=8, depths=[1], num_heads=[2], window_size=4, upscale=upscale,
        upsampler=upsampler or "", initializer_range=0.04,
    )  # fmt: skip
    Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    Swin2SRImageProcessor().save_pretrained(folder)
    return folder


def _safety() -> dict[str, Any]:
    """A safety checker whose thresholds are so low that it objects to every image."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**tiny, "image_size": 32, "patch_size": 16}
    checker = StableDiffusionSafetyChecker(CLIPConfig(text_config=tiny, vision_config=vision, projection_dim=16))
    torch.nn.init.constant_(checker.concept_embeds_weights, -1.0)
    extractor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return {"safety_checker": checker, "feature_extractor": extractor}


def _saved(pipeline: Any, folder: Path) -> Path:
    pipeline.save_pretrained(folder)
    return folder
