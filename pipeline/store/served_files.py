"""One file of the log of served predictions: Parquet, one row per prediction, all of one version."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pipeline.contracts import Images, Probabilities, Shape
from pipeline.errors import StoreError, UnreadableError
from pipeline.facts.base import Facts
from pipeline.store import disk, typed_files

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

KEY = b"served"
"""Key of the metadata that every file has."""
COLUMNS = ("prediction_id", "request", "time", "version", "source", "pixels", "probabilities")
Source = Literal["picture", "pixels"]


class ServedFacts(Facts):
    """What all rows of a file have in common, in its metadata."""

    format: Literal[1] = 1
    dataset: str
    version: str
    """The version that answered."""
    classes: tuple[str, ...]
    """Class names in the order of the probabilities."""
    shape: Shape
    """Height, width and channels of the pixels."""
    merged: tuple[str, ...] = ()
    """Files that this one replaces; one that is still there was left by a crash."""


@dataclass(frozen=True, eq=False)
class Served:
    """Predictions of one version, in the order of their ids, which is that of time.

    Attributes:
        facts: Dataset, version, classes and shape.
        ids: Prediction ids, ``[N]``.
        requests: The id of the first prediction of the request that each came with, ``[N]``: images that one client
            sent together have the same.
        times: When each was predicted, ``datetime64[us]`` in UTC, ``[N]``.
        sources: ``picture`` for a file that was prepared, ``pixels`` for pixels as the model takes them, ``[N]``.
        images: Pixels as the model saw them, uint8 ``[N, H, W, C]``.
        probabilities: float32 ``[N, K]``.
    """

    facts: ServedFacts
    ids: tuple[str, ...]
    requests: tuple[str, ...]
    times: NDArray[np.datetime64]
    sources: tuple[str, ...]
    images: Images
    probabilities: Probabilities

    @property
    def predicted(self) -> tuple[str, ...]:
        """The most probable class of each, ``[N]``."""
        return tuple(self.facts.classes[best] for best in self.probabilities.argmax(axis=1).tolist())

    def rows(self, kept: Sequence[int]) -> "Served":
        """Return some of the predictions, given by their row numbers, each at most once."""
        if list(kept) == list(range(len(self))):
            return self
        return Served(
            self.facts,
            tuple(self.ids[row] for row in kept),
            tuple(self.requests[row] for row in kept),
            self.times[list(kept)],
            tuple(self.sources[row] for row in kept),
            self.images[list(kept)],
            self.probabilities[list(kept)],
        )

    def __len__(self) -> int:
        return len(self.ids)


_FACTS = TypeAdapter(ServedFacts)


def join(parts: Sequence[Served], merged: tuple[str, ...] = ()) -> Served:
    """Return predictions of one version together, in the order of their ids, each once.

    Args:
        parts: At least one.
        merged: Names of the files that they come from.
    """
    whole = Served(
        parts[0].facts.model_copy(update={"merged": merged}),
        tuple(one for part in parts for one in part.ids),
        tuple(one for part in parts for one in part.requests),
        np.concatenate([part.times for part in parts]),
        tuple(one for part in parts for one in part.sources),
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
    )
    order = np.unique(np.array(whole.ids), return_index=True)[1].tolist()
    return whole.rows(order)


def table(served: Served) -> "pa.Table":
    """Return predictions as an Arrow table, without copying an image."""
    import pyarrow as pa

    facts, count = served.facts, len(served)
    columns = {
        "prediction_id": pa.array(served.ids, pa.string()),
        "request": pa.array(served.requests, pa.string()),
        "time": pa.array(served.times.astype("datetime64[us]"), pa.timestamp("us", tz="UTC")),
        "version": pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), [facts.version]),
        "source": pa.array(served.sources, pa.string()).dictionary_encode(),
        "pixels": _pixels(served.images),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            pa.array(served.probabilities.astype(np.float32).reshape(-1)), len(facts.classes)
        ),
    }
    rows = pa.Table.from_pydict(columns)
    return rows.replace_schema_metadata({KEY: facts.model_dump_json().encode()})


def content(rows: "pa.Table") -> bytes:
    """Return a table as the bytes of a Parquet file, each page with a checksum."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd", write_page_checksum=True, store_schema=True)
    return buffer.getvalue()


def read(path: Path) -> Served | None:
    """Return the predictions in a file, every page checked; ``None`` if it is no longer there.

    Raises:
        StoreError: It is damaged.
        UnreadableError: The disk fails to read it.
    """
    rows = read_table(path)
    return None if rows is None else parse(rows, path)


def read_table(path: Path, columns: Sequence[str] | None = None) -> "pa.Table | None":
    """Return the rows of a file, or some columns of them; ``None`` if it is no longer there.

    Raises:
        StoreError: It is damaged.
        UnreadableError: The disk fails to read it.
    """
    import pyarrow as pa

    try:
        return parquet_file(path).read(columns)
    except FileNotFoundError:
        return None
    except pa.ArrowException as error:
        raise damaged(path) from error
    except OSError as error:
        if error.errno is None:  # pyarrow's own word for a damaged page
            raise damaged(path) from error
        raise UnreadableError(
            f"{path} cannot be read: {error.strerror}. Check the disk and the permissions."
        ) from error


def parquet_file(path: Path) -> "pq.ParquetFile":
    """Open a file of the log, which is read whole, into memory of Arrow's own.

    A thread of Arrow's may let go of what it has read only while the interpreter ends, and if that is an object of
    Python's (a file, bytes) it aborts the process.

    Raises:
        OSError, pyarrow.ArrowException: It cannot be read, or is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    memory = pa.BufferOutputStream()
    with disk.open_to_read(path) as file:
        memory.write(file.read())
    return pq.ParquetFile(pa.BufferReader(memory.getvalue()), page_checksum_verification=True)


def parse(rows: "pa.Table", path: Path) -> Served:
    """Return the predictions in a whole table.

    Raises:
        StoreError: It is not one that ``table`` made.
    """
    facts = facts_of(rows.schema.metadata, path)
    try:
        columns: dict[str, Any] = {name: rows.column(name).combine_chunks() for name in COLUMNS}
        count = rows.num_rows
        return Served(
            facts,
            tuple(columns["prediction_id"].to_pylist()),
            tuple(columns["request"].to_pylist()),
            columns["time"].to_numpy(zero_copy_only=False).astype("datetime64[us]"),
            tuple(columns["source"].to_pylist()),
            _images(columns["pixels"], facts.shape),
            columns["probabilities"].flatten().to_numpy().reshape(count, len(facts.classes)),
        )
    except (KeyError, ValueError, AttributeError) as error:
        raise damaged(path) from error


def facts_of(metadata: dict[bytes, bytes] | None, path: Path) -> ServedFacts:
    """Return what a file's metadata says.

    Raises:
        StoreError: It is not of this log.
    """
    return typed_files.parse(_FACTS, (metadata or {}).get(KEY, b"{}"), path)


def damaged(path: Path) -> StoreError:
    """Return the error that names a damaged file."""
    return StoreError(f"{path} is damaged: delete it; what it held was only a log of predictions.")


def _pixels(images: Images) -> "pa.FixedSizeBinaryArray":
    import pyarrow as pa

    flat = np.ascontiguousarray(images)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(int(np.prod(flat.shape[1:]))), len(flat), [None, pa.py_buffer(flat)]
    )


def _images(column: "pa.FixedSizeBinaryArray", shape: Shape) -> Images:
    size = column.type.byte_width
    pixels = np.frombuffer(column.buffers()[1], np.uint8, len(column) * size, column.offset * size)
    return pixels.reshape(-1, *shape)
