"""The embedded recoverer: a small source-conditioned rectified flow that ships with the app."""
