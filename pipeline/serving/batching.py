"""Predict waiting images together: while one batch is computed, the next one gathers."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pipeline.contracts import Images, Probabilities
from pipeline.inference.predictor import OnnxPredictor

LARGEST = 64
"""Images of one batch: a long request is cut, so that single images do not wait for all of it."""

Job = tuple[Images, "asyncio.Future[Probabilities]"]


class Batcher:
    """One model, one thread that computes, and the requests that wait for it.

    Adds no delay of its own: an image that finds the thread idle is computed at once.

    Args:
        predictor: The model.
        observe: Called with the number of images of each batch.
    """

    def __init__(self, predictor: OnnxPredictor, observe: Callable[[int], None]) -> None:
        self._predictor = predictor
        self._observe = observe
        self._waiting: deque[Job] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._busy = False

    async def predict(self, images: Images) -> Probabilities:
        """Return class probabilities ``[N, K]`` of uint8 images ``[N, H, W, C]``.

        Raises:
            DataError: The images do not fit the model.
        """
        parts = [await self._enqueue(images[start : start + LARGEST]) for start in range(0, len(images), LARGEST)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _enqueue(self, images: Images) -> "asyncio.Future[Probabilities]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Probabilities] = loop.create_future()
        self._waiting.append((images, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next, loop)
        return future

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = self._take()
        self._busy = bool(jobs)
        if jobs:
            batch = np.concatenate([images for images, _ in jobs]) if len(jobs) > 1 else jobs[0][0]
            self._observe(len(batch))
            computed = loop.run_in_executor(self._thread, self._predictor.predict, batch)
            computed.add_done_callback(lambda done: self._deliver(loop, jobs, done))

    def _take(self) -> list[Job]:
        jobs: list[Job] = []
        room = LARGEST
        while self._waiting and len(self._waiting[0][0]) <= room:
            jobs.append(self._waiting.popleft())
            room -= len(jobs[-1][0])
        return jobs

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, jobs: list[Job], computed: "asyncio.Future[Probabilities]"
    ) -> None:
        error = computed.exception()
        start = 0
        for images, future in jobs:
            if future.cancelled():
                pass
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(computed.result()[start : start + len(images)])
            start += len(images)
        self._next(loop)
