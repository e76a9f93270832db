"""Prepare arrivals on several processes: one that fails, or kills its process, does not affect the others."""

import contextlib
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data import digests, shards
from pipeline.data.preparation import Preparation
from pipeline.errors import DataError, PipelineError
from pipeline.growing.arrivals import Item

if TYPE_CHECKING:
    from PIL import Image

IN_A_CHUNK = 64
IN_FLIGHT = 4
"""Chunks per process that may wait, which bounds the memory."""
WORTH_PROCESSES = 4 * IN_A_CHUNK
"""Fewer images are prepared in this process: starting others takes a second or two."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """An item as the dataset stores it, or why it cannot be.

    Attributes:
        pixels: uint8 ``[H, W, C]``; empty where there is a fault.
        png: The same as PNG bytes.
        digest: Hexadecimal digest of the pixels.
        polarity: What was decided for this picture; empty where the preparation does not ask.
        fault: What is wrong with the picture, in a sentence.
    """

    pixels: NDArray[np.uint8]
    png: bytes = b""
    digest: str = ""
    polarity: str = ""
    fault: str = ""


Work = Callable[[Item, Preparation], Prepared]


def prepare_item(item: Item, preparation: Preparation) -> Prepared:
    """Return the pixels of one item; whatever is wrong with it is a fault, not an error."""
    if item.fault:
        return _faulty(item.fault)
    try:
        pixels, polarity = _pixels(item, preparation)
    except PipelineError as error:
        return _faulty(str(error))
    except MemoryError:
        return _faulty(f"{item.name} needs more memory than is available: make it smaller.")
    if pixels.min() == pixels.max():
        return _faulty(f"{item.name} is blank.")
    digest = digests.image_digests(pixels[None]).tobytes().hex()
    return Prepared(pixels, shards.encode(pixels), digest, polarity)


def prepare_all(
    items: Sequence[Item], preparation: Preparation, jobs: int, work: Work = prepare_item
) -> Iterator[list[Prepared]]:
    """Yield what became of the items, in their order, a chunk at a time.

    Args:
        items: What arrived.
        preparation: What the dataset declares.
        jobs: Processes.
        work: Prepares one item.
    """
    chunks = [items[start : start + IN_A_CHUNK] for start in range(0, len(items), IN_A_CHUNK)]
    if jobs == 1 or len(items) < WORTH_PROCESSES:
        yield from (_chunk(chunk, preparation, work) for chunk in chunks)
        return
    yield from _on_processes(chunks, preparation, jobs, work)


def _on_processes(
    chunks: Sequence[Sequence[Item]], preparation: Preparation, jobs: int, work: Work
) -> Iterator[list[Prepared]]:
    # Not loky's reusable executor, which is also joblib's: a run that follows would get its processes and settings.
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    waiting: dict[int, Any] = {}
    executor = ProcessPoolExecutor(max_workers=jobs)
    try:
        for number, chunk in enumerate(chunks):
            for ahead in range(number, min(number + jobs * IN_FLIGHT, len(chunks))):
                if ahead not in waiting:
                    waiting[ahead] = _submit(executor, _chunk, chunks[ahead], preparation, work)
            try:
                prepared = waiting.pop(number).result()
            except BrokenProcessPool:
                # One of the files in flight killed its process; the chunk at hand is prepared file by file.
                prepared = _one_by_one(chunk, preparation, work)
                waiting.clear()
                executor = ProcessPoolExecutor(max_workers=jobs)
            yield prepared
    finally:
        _kill(executor)


def _submit(executor: Any, *call: Any) -> Any:
    """Give work to an executor, whose processes start deaf to Ctrl-C: this one ends them."""
    from joblib.externals.loky.backend import resource_tracker

    resource_tracker.ensure_running()  # it lets Ctrl-C through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.submit(*call)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(executor: Any) -> None:
    """End the processes at once, whatever waits.

    loky's own thread forgets waiting work before it looks for the next, and fails with a traceback if there is any.
    """
    with contextlib.suppress(queue.Empty):
        while True:
            executor._work_ids.get_nowait()
    executor.shutdown(kill_workers=True)


def _one_by_one(items: Sequence[Item], preparation: Preparation, work: Work) -> list[Prepared]:
    """Prepare items in a single process, one at a time, so that a crash is the fault of the item at hand."""
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    done: list[Prepared] = []
    while len(done) < len(items):
        with ProcessPoolExecutor(max_workers=1) as executor:
            for item in items[len(done) :]:
                try:
                    done.append(_submit(executor, work, item, preparation).result())
                except BrokenProcessPool:
                    done.append(_faulty(f"{item.name} crashed the process that read it: save it again."))
                    break
    return done


def _chunk(items: Sequence[Item], preparation: Preparation, work: Work) -> list[Prepared]:
    return [work(item, preparation) for item in items]


def _pixels(item: Item, preparation: Preparation) -> tuple[NDArray[Any], str]:
    """The pixels and the polarity of one item; pixels that have the dataset's shape already are taken as they are."""
    from pipeline.data.picture_file import decode_picture, read_picture
    from pipeline.data.preparation import found_polarity, prepare

    content = item.content
    if isinstance(content, np.ndarray):
        if content.shape == preparation.shape:
            return content, ""
        picture = _picture(content)
    elif isinstance(content, bytes):
        picture = decode_picture(content, item.name, preparation.decoded_side)
    else:
        picture = read_picture(content, preparation.decoded_side, item.shown)
    try:
        return prepare(picture, preparation), found_polarity(picture, preparation)
    except DataError as error:
        raise DataError(f"{item.name}: {error}") from error


def _picture(pixels: NDArray[Any]) -> "Image.Image":
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _faulty(fault: str) -> Prepared:
    return Prepared(np.empty((0, 0, 1), np.uint8), fault=fault)
