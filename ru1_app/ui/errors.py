"""The page's only catcher: our errors become messages, anything else a logged "unexpected"."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ru1_app.errors import Ru1Error

log = logging.getLogger(__name__)


def shown(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler, function or generator, so that a `Ru1Error` is shown as its sentence."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def stream(*values: Any) -> Iterator[Any]:
            try:
                yield from function(*values)
            except Exception as error:
                raise _message(error) from error

        return stream

    @functools.wraps(function)
    def call(*values: Any) -> Any:
        try:
            return function(*values)
        except Exception as error:
            raise _message(error) from error

    return call


def _message(error: Exception) -> Exception:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, Ru1Error):
        return gr.Error(str(error), print_exception=False)
    log.exception("Unexpected error in a handler", exc_info=error)
    return gr.Error("Something unexpected went wrong; the log has the details. Your input is still here.")
