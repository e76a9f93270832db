"""Orders in which every prefix is class-balanced."""

import heapq

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Rows


def balanced_order(labels: Labels, ranks: NDArray[np.uint64]) -> Rows:
    """Order rows so that the first n of them, for any n, hold each class within one image of its share of n.

    Args:
        labels: Class of each row, ``[N]``.
        ranks: Orders the rows of one class, ``[N]``.

    Returns:
        Positions in ``labels``, ``[N]``.
    """
    present, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    by_class = np.split(np.lexsort((ranks, classes)), np.cumsum(counts)[:-1])
    turns = np.array(class_turns(counts.tolist()), np.int64)
    order = np.empty(len(labels), np.int64)
    for label in range(len(present)):
        order[turns == label] = by_class[label]
    return order


def class_turns(counts: list[int]) -> list[int]:
    """Return the class of each of ``sum(counts)`` places; every count is at least 1.

    The chairman assignment problem: at every place, each class has been chosen within one image of its share.
    Solved by the earliest deadline among the classes that may be chosen (R. Tijdeman, "The chairman
    assignment problem", Discrete Mathematics 32, 1980, theorem 1 and its algorithm), in whole numbers.
    """
    total, classes = sum(counts), len(counts)
    if classes < 2:
        return [0] * total
    parts = 2 * classes - 2
    waiting = [(_release(0, total, parts, count), label, 0) for label, count in enumerate(counts)]
    heapq.heapify(waiting)
    ready: list[tuple[int, int, int]] = []
    turns = []
    for place in range(1, total + 1):
        while waiting and waiting[0][0] <= place:
            _, label, served = heapq.heappop(waiting)
            deadline = (served * parts + parts - 1) * total // (parts * counts[label])
            heapq.heappush(ready, (deadline, label, served))
        _, label, served = heapq.heappop(ready)
        turns.append(label)
        if served + 1 < counts[label]:
            release = _release(served + 1, total, parts, counts[label])
            heapq.heappush(waiting, (release, label, served + 1))
    return turns


def _release(served: int, total: int, parts: int, count: int) -> int:
    return -(-(served * parts + 1) * total // (parts * count))
