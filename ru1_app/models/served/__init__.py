"""Models behind an OpenAI-compatible endpoint: vLLM, vLLM-Omni, SGLang, Hugging Face endpoints."""
