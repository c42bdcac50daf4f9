"""Why a file is refused, without its name: the door puts the name before it and a full stop behind it."""

from __future__ import annotations


class Refused(Exception):
    """`str(error)` is the rest of a sentence that begins with the file's name: what is wrong; what is allowed."""
