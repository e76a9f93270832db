"""Measure everything, or the parts that are named, and write ``RESULTS.md``: ``python -m benchmarks [PART …]``."""

import argparse
import importlib
import inspect
from typing import Any

from benchmarks import measure

PARTS = (
    "recipes",
    "sweep",
    "overhead",
    "waiting",
    "serving",
    "keeping",
    "growth",
    "listing",
    "scale",
    "gain_interval",
    "production_accuracy",
    "gate_weights",
    "growing_champion",
    "cross_fit",
    "mutation",
    "balance",
    "ingest",
    "story",
    "loop",
    "review",
    "tuning",
    "blends",
    "shifts",
    "score",
    "expected_score",
    "drift",
)
DONE = "done.txt"
"""The parts that were measured since all of them were begun."""


def main(parts: list[str], **options: Any) -> None:
    """Measure the parts; each section is kept in ``raw/<part>.md`` and all of them make ``RESULTS.md``.

    Without any part named, all are measured, and the same command goes on after a kill.
    """
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SystemExit(f"There is no part '{unknown.pop()}': choose from {', '.join(PARTS)}.")
    measure.RAW.mkdir(exist_ok=True)
    done = None if parts or options.get("known_only") else measure.RAW / DONE
    finished = done.read_text().split() if done and done.exists() else []
    for part in parts or [part for part in PARTS if part not in finished]:
        measured = importlib.import_module(f"benchmarks.{part}").main
        taken = inspect.signature(measured).parameters
        section = measured(**{name: value for name, value in options.items() if name in taken})
        (measure.RAW / f"{part}.md").write_text(f"{section}\n\n{measure.stamp(part)}\n")
        print(section)
        if done:
            done.write_text("\n".join(finished := [*finished, part]))
    if done:
        done.unlink()
    sections = [file.read_text() for part in PARTS if (file := measure.RAW / f"{part}.md").exists()]
    head = "# Results\n\nMade by `make bench`; the machines are shared, so ratios count more than seconds.\n"
    (measure.FOLDER / "RESULTS.md").write_text("\n".join([head, *sections]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all without any")
    parser.add_argument("--seeds", type=int, default=5, help="how often each recipe is fitted (default: 5)")
    parser.add_argument("--known-only", action="store_true", help="measure no fit; sum up those measured before")
    parser.add_argument("--points", nargs="*", default=(), help="of `score`: commands on its curve; all without any")
    parser.add_argument("--splits", type=int, default=3, help="of `score`: random splits (default: 3)")
    main(**vars(parser.parse_args()))
