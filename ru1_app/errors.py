"""Errors that speak to the person.

`str(error)` is one sentence or two: what was wrong, then what is allowed or what to do. The page and
the command line show it as it is; anything that is not a `Ru1Error` is a bug and is logged.
"""


class Ru1Error(Exception):
    """Base of every error that is shown to a person."""


class InvalidInput(Ru1Error):
    """What the person gave is refused; the message says what is allowed (command line: exit code 2)."""


class Unavailable(Ru1Error):
    """A package, a model's files or the database cannot be had; the message names it."""


class ModelFailed(Ru1Error):
    """A model was loaded but could not do its work (out of memory, no output)."""


class NotFound(Ru1Error):
    """No case, image or model of that name."""


class SignedOut(Ru1Error):
    """Nobody is signed in, or the sign-in has ended; the message says to sign in again."""


class Forbidden(Ru1Error):
    """The person's role does not reach that far, or the order of things forbids it; the message says why."""


class Conflict(Ru1Error):
    """The same thing was already stored, and storing it twice is not allowed."""


class ExportFailed(Ru1Error):
    """An export could not be written; nothing half-written is left behind."""
