"""What runs of the tests have in common: nobody watches them, and the gate is lenient with small datasets."""

from collections.abc import Callable
from typing import Any

LENIENT = {"accuracy_floor": 0.01, "recall_floor": "off", "robustness_margin_pp": "off"}
AS_GOOD = {"preset": "as-good", **LENIENT}


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
