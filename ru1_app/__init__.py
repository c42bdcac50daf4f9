"""RU1: see, judge and improve image recovery by multimodal models."""

__version__ = "0.3.0"
