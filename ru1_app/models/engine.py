"""What runs a model: number format, version line, and whether an error means that memory ran out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ru1_app.errors import InvalidInput, ModelFailed, Ru1Error, Unavailable


def dtype_of(dtype: Any | None, device: str) -> Any:
    """The torch dtype: as given (a dtype or its name), else bfloat16 on a GPU and float32 on a CPU.

    Raises:
        InvalidInput: there is no floating-point dtype of that name.
    """
    import torch

    if dtype is None:
        return torch.bfloat16 if device.startswith("cuda") else torch.float32
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise InvalidInput(f"There is no number format {dtype!r}. Use float32, bfloat16 or float16.")
    return found


def engine(library: str, device: str, dtype: Any) -> str:
    """The engine of a `ModelRef`: `library` with its version, torch, device and number format."""
    import torch

    return f"{library} / torch {torch.__version__.split('+')[0]} / {device} {str(dtype).removeprefix('torch.')}"


def out_of_memory(error: BaseException) -> bool:
    """Whether the error means that the device or the machine has no memory left."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # On a CPU torch raises a plain RuntimeError ("DefaultCPUAllocator: can't allocate memory").
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


SMALLER = "Load it with a 16-bit dtype, quantised, with offload, or on another device; docs/models.md says how."


def first_line(error: BaseException) -> str:
    """An error's text without the lines that libraries add below it, as part of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


@contextmanager
def loading(source: str | Path) -> Iterator[None]:
    """Whatever libraries raise for a recoverer's missing or damaged files, as one sentence.

    Raises:
        Unavailable: a package or a file is missing.
        ModelFailed: the weights do not fit into memory.
    """
    try:
        yield
    except Ru1Error:
        raise
    except ImportError as error:
        missing = f"the package {error.name!r}" if error.name else first_line(error)
        raise Unavailable(f"The recoverer {str(source)!r} needs {missing}; install requirements.txt.") from error
    except Exception as error:
        if out_of_memory(error):
            raise ModelFailed(f"The recoverer {str(source)!r} does not fit into memory. {SMALLER}") from error
        raise Unavailable(f"The recoverer {str(source)!r} could not be loaded: {first_line(error)}.") from error
