"""What sees: SigLIP layers on a packed grid of patches (upstream modeling/bagel/siglip_navit.py)."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import SiglipVisionConfig
from transformers.activations import ACT2FN
from transformers.models.siglip.modeling_siglip import SiglipEncoderLayer

from ru1_app.models.bagel.config import VisionConfig


class VisionTower(nn.Module):
    """Patches to features: a linear embedding, learned positions, encoder layers, a last norm; no pooling."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        siglip = SiglipVisionConfig(
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_attention_heads=config.num_attention_heads,
            layer_norm_eps=config.layer_norm_eps,
            hidden_act=config.hidden_act,
            attn_implementation="sdpa",
        )
        self.patch_embedding = nn.Linear(3 * config.patch_size**2, config.hidden_size)
        self.position_embedding = nn.Embedding(config.positions, config.hidden_size)
        self.layers = nn.ModuleList(SiglipEncoderLayer(siglip) for _ in range(config.num_hidden_layers))
        self.post_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, patches: Tensor, positions: Tensor) -> Tensor:
        """patches [m, patch * patch * 3] in [-1, 1], positions [m] -> features [m, hidden]."""
        x = (self.patch_embedding(patches) + self.position_embedding(positions))[None]
        for layer in self.layers:
            x = layer(x, None)
        return self.post_layernorm(x)[0]


class Connector(nn.Module):
    """Vision features to the decoder's width."""

    def __init__(self, vision: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(vision, hidden), nn.Linear(hidden, hidden)
        self.act = ACT2FN["gelu_pytorch_tanh"]

    def forward(self, features: Tensor) -> Tensor:
        """[m, vision] -> [m, hidden]."""
        return self.fc2(self.act(self.fc1(features)))
