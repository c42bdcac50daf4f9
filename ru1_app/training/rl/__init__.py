"""Stage II: Flow-GRPO (arXiv 2505.05470) for the embedded recoverer."""
