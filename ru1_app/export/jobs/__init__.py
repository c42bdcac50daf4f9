"""Releases of a server: made in the background, kept, packed and fetched."""
