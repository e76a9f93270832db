"""What runs of the tests have in common: nobody watches them, and the gate is lenient with small datasets."""

import time
from collections.abc import Callable
from typing import Any

from pipeline import moments

LENIENT = {"accuracy_floor": 0.01, "recall_floor": "off", "robustness_margin_pp": "off"}
AS_GOOD = {"preset": "as-good", **LENIENT}


def wait_for_the_next_second() -> None:
    """Let ids of versions tell which is older: they have seconds, and runs of the tests take less."""
    second = moments.id_now()
    while moments.id_now() == second:
        time.sleep(0.02)


class Silent:
    """An observer that shows nothing."""

    def notice(self, sentence: str) -> None: ...
    def doing(self, what: str) -> None: ...
    def planned(self, cells: Any, to_train: Any) -> None: ...
    def awaiting(self, cells: Any, where: str) -> None: ...
    def judging(self, cell: Any) -> None: ...
    def finished(self, row: Any) -> None: ...
    def fitting(self, cell: Any) -> Callable[..., None]:
        return lambda step, steps, metrics: None
