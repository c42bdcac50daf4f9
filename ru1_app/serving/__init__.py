"""The app's models behind an OpenAI-compatible endpoint on a cluster (Ray Serve)."""
