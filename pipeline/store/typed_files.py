"""Read JSON and NumPy archives from disk so that whatever is wrong with them is one sentence."""

import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from pipeline.errors import StoreError
from pipeline.text import quoted

T = TypeVar("T")
_LONGEST_NAME = 80


def parse_json(content: bytes, path: Path) -> Any:
    """Return the JSON value in a file's content; ``path`` names it in the error.

    Raises:
        StoreError: It is not JSON, not UTF-8, or nested deeper than anything here is.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise StoreError(f"{path} cannot be read: it is nested too deeply.") from error
    except ValueError as error:
        raise StoreError(f"{path} cannot be read: {error}.") from error


def parse(adapter: TypeAdapter[T], content: bytes, path: Path, *, closed: bool = True) -> T:
    """Return the validated facts in a JSON content; ``path`` names it in the error.

    Args:
        adapter: Validates them.
        content: The content of the file.
        path: Where it is.
        closed: Whether unknown fields are refused everywhere; otherwise each model decides.

    Raises:
        StoreError: Names the file and the first field that is wrong.
    """
    try:
        return adapter.validate_json(content, strict=True, extra="forbid" if closed else None)
    except ValidationError as error:
        raise StoreError(f"{path} is damaged: {first_fault(error)}.") from error


def first_fault(error: ValidationError) -> str:
    """Return what is wrong first, naming the field, without the user's data."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = quoted(".".join(map(str, fault["loc"])), _LONGEST_NAME)
    match fault["type"]:
        case "missing":
            return f"the field '{field}' is missing"
        case "extra_forbidden":
            return f"the field '{field}' is unknown"
    message = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"the field '{field}': {message}" if field else message


def parse_arrays(
    content: bytes, path: Path, required: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, NDArray[Any]]:
    """Return the named arrays of a NumPy archive, without ever unpickling; ``path`` names it in the error.

    Raises:
        StoreError: It is no archive, is damaged, or an array is missing or holds objects.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise StoreError(f"{path} is damaged: it is one array, not an archive of arrays.")
            names = [*required, *(name for name in optional if name in archive.files)]
            return {name: archive[name] for name in names}
    except KeyError as error:
        raise StoreError(f"{path} is damaged: {str(error.args[0])[:_LONGEST_NAME]}.") from error
    except (
        *(OSError, EOFError, ValueError, TypeError, IndexError, AttributeError, SyntaxError, MemoryError),
        *(RuntimeError, OverflowError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError),
    ) as error:
        raise StoreError(f"{path} is damaged: it cannot be read as arrays ({type(error).__name__}).") from error
