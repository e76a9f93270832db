"""Images in a place that several machines can read: a shared folder, or any URL that fsspec opens
(``s3://bucket/images``).

The machine that has the images publishes them in parts named by their content, so the next snapshot of a growing
dataset adds only its new shards. A machine that needs them fetches each part once into a local folder and maps it into
memory. Nothing there is trusted: every image is checked against its digest. The place may be emptied at any time.
"""

import hashlib
import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from pipeline.contracts import Digests, LabelledImages
from pipeline.data import digests
from pipeline.errors import ServiceError
from pipeline.stored_images import ImageSource, Pixels, StoredImages, blocks, joined

PART = 64 * 2**20
"""Bytes of pixels in one part, at most."""
LOCK = ".lock"


@dataclass(frozen=True)
class Published:
    """Where images are; small enough to be sent to every worker.

    Attributes:
        url: Of the folder.
        parts: Names of the files with pixels, uint8 ``[n, H, W, C]`` each, in order.
        facts: Name of the file with labels and digests.
        frame: The dataset without its arrays; ``official_test`` and ``selection``, which decide on roles, are left out.
    """

    url: str
    parts: tuple[str, ...]
    facts: str
    frame: LabelledImages


def publish(data: LabelledImages, url: str) -> Published:
    """Write the parts of a dataset that a folder or URL lacks; a reader never sees half a file.

    Raises:
        ServiceError: It cannot be written there.
    """
    with _blaming(url, "be written to"):
        files, root = _opened(url)
        files.makedirs(root, exist_ok=True)
        names, start = [], 0
        for part in _parts(data.images):
            names.append(_name(data.digests[start : start + len(part)], data.shape))
            _put(files, f"{root}/{names[-1]}", lambda part=part: _npy(part))
            start += len(part)
        facts = f"labels-{data.sha256[:32]}.npz"
        _put(files, f"{root}/{facts}", lambda: _facts(data))
        address = files.unstrip_protocol(root)
    nothing: Any = data.images[:0]
    frame = replace(
        data, images=nothing, labels=data.labels[:0], digests=data.digests[:0], official_test=None, selection=None
    )
    return Published(address, tuple(names), facts, frame)


def fetch(published: Published, folder: Path) -> LabelledImages:
    """Return published images, mapped from a local folder that missing parts are fetched into; processes may share it.

    Raises:
        ServiceError: They cannot be read there, or are not what was published.
    """
    with _blaming(published.url, "be read from"):
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / LOCK):
            files, root = _opened(published.url)
            for name in dict.fromkeys((published.facts, *published.parts)):
                _get(files, f"{root}/{name}", folder / name)
        with np.load(folder / published.facts, allow_pickle=False) as facts:
            labels = facts["labels"]
            known = np.ascontiguousarray(facts["digests"]).view(digests.DIGEST_DTYPE).reshape(-1)
        parts = [np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in published.parts]
    frame = published.frame
    if digests.labelled_digest(known, labels, frame.classes) != frame.sha256:
        raise _changed(published, folder, published.facts)
    start = 0
    for name, part in zip(published.parts, parts, strict=True):
        own = known[start : start + len(part)]
        if part.shape[1:] != frame.shape or digests.image_digests(part).tobytes() != own.tobytes():
            raise _changed(published, folder, name)
        start += len(part)
    return replace(frame, images=joined(parts), labels=labels, digests=known)


def _opened(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    files, root = url_to_fs(url)
    return files, str(root).rstrip("/")


def _parts(images: ImageSource) -> Iterator[Pixels]:
    """The images in order, a shard after the other where they come from shards."""
    whole = isinstance(images, StoredImages) and images.rows is None
    for part in images.parts if isinstance(images, StoredImages) and whole else (images,):
        yield from blocks(part, max(1, PART // int(np.prod(images.shape[1:]))))


def _name(own: Digests, shape: tuple[int, ...]) -> str:
    return f"images-{hashlib.sha256(repr(shape).encode() + own.tobytes()).hexdigest()[:32]}.npy"


def _npy(part: Pixels) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, part, allow_pickle=False)
    return buffer.getvalue()


def _facts(data: LabelledImages) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, labels=data.labels, digests=data.digests.view(np.uint8).reshape(-1, digests.DIGEST_BYTES))
    return buffer.getvalue()


def _put(files: Any, path: str, content: Any) -> None:
    if files.exists(path):
        return
    temporary = f"{path}.{secrets.token_hex(6)}.tmp"
    try:
        files.pipe_file(temporary, content())
        files.mv(temporary, path)
    except BaseException:
        with suppress(Exception):
            files.rm_file(temporary)
        raise


def _get(files: Any, path: str, target: Path) -> None:
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}.tmp")
    files.get_file(path, str(temporary))
    temporary.rename(target)


def _changed(published: Published, folder: Path, name: str) -> ServiceError:
    (folder / name).unlink(missing_ok=True)
    return ServiceError(
        f"{published.url}/{name} is not what was published there: delete it, then run the same command again."
    )


@contextmanager
def _blaming(url: str, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each of fsspec's file systems raises errors of its own
        reason = str(error) or type(error).__name__
        raise ServiceError(
            f"Images cannot {what} {url}: {reason}. Give --cluster-images a folder or URL that this machine and every "
            "worker can reach, and install what fsspec needs for it."
        ) from error
