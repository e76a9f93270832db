"""Where everything lives: one home folder with ``versions/``, ``production/`` and ``metric_results/``."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StoreError, shown
from pipeline.facts import names

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Home:
    """The home folder; holds paths and creates nothing.

    Attributes:
        root: The folder that holds the three.
    """

    root: Path

    @classmethod
    def find(cls, folder: str | Path | None = None) -> "Home":
        """Return the home in a folder; by default ``PIPELINE_HOME``, else the checkout, else the current folder.

        Raises:
            StoreError: The folder's name is not valid UTF-8.
        """
        is_checkout = all((CHECKOUT / name).is_file() for name in ("pyproject.toml", "Makefile"))
        named = folder or os.environ.get("PIPELINE_HOME") or (CHECKOUT if is_checkout else ".")
        root = Path(named).resolve()
        try:
            str(root).encode()
        except UnicodeEncodeError:
            raise StoreError(
                f"The home folder {shown(str(root))} has a name that is not valid UTF-8: rename it, or name another "
                "with --home."
            ) from None
        return cls(root)

    @property
    def versions(self) -> Path:
        """Versions that passed."""
        return self.root / "versions"

    @property
    def failed(self) -> Path:
        """Versions that did not pass."""
        return self.versions / "failed"

    @property
    def staging(self) -> Path:
        """Candidates without a verdict."""
        return self.versions / ".staging"

    @property
    def cache(self) -> Path:
        """What can be recomputed; safe to delete."""
        return self.versions / ".cache"

    @property
    def production(self) -> Path:
        """One folder per dataset, and the history."""
        return self.root / "production"

    @property
    def metric_results(self) -> Path:
        """Everything measured."""
        return self.root / "metric_results"

    @property
    def data(self) -> Path:
        """What was downloaded."""
        return self.root / "data"

    @property
    def datasets(self) -> Path:
        """One folder per growing dataset."""
        return self.root / "datasets"

    @property
    def served(self) -> Path:
        """What `serve --log` keeps: one folder per dataset."""
        return self.root / "served"

    def served_of(self, dataset: str) -> Path:
        """Return where the served predictions of one dataset are kept.

        Raises:
            StoreError: The name cannot be the name of a folder.
        """
        return self.served / _checked_name(dataset)

    def production_of(self, dataset: str) -> Path:
        """Return the production folder of one dataset.

        Raises:
            StoreError: The name cannot be the name of a folder.
        """
        return self.production / _checked_name(dataset)

    @property
    def explorations(self) -> Path:
        """What `explore` found: one folder per dataset."""
        return self.metric_results / "eda"

    @property
    def batch_pages(self) -> Path:
        """What `ingest` did with each batch: one folder per dataset."""
        return self.metric_results / "datasets"

    def exploration_of(self, dataset: str) -> Path:
        """Return where the exploration of one dataset is written.

        Raises:
            StoreError: The name cannot be the name of a folder.
        """
        return self.explorations / _checked_name(dataset)

    def competition(self, name: str) -> Path:
        """Return where the files of a Kaggle competition are kept.

        Raises:
            StoreError: No competition can have this name.
        """
        if not re.fullmatch(r"[A-Za-z0-9][\w-]{0,99}", name, re.ASCII):
            raise StoreError(
                f"{shown(name)} is not a competition's name: give what follows kaggle.com/competitions/ in its address."
            )
        return self.data / "kaggle" / name


def _checked_name(dataset: str) -> str:
    if (wrong := names.problem(dataset)) is not None:
        raise StoreError(f"The dataset name {dataset!r} cannot be the name of a folder: {wrong}. Use another name.")
    return dataset
