"""Measure everything, or the parts that are named, and write ``RESULTS.md``: ``python -m benchmarks [PART …]``."""

import importlib
import sys
from datetime import UTC, datetime

from benchmarks import measure

PARTS = ("recipes", "sweep", "overhead", "serving", "growth")


def main(parts: list[str]) -> None:
    """Measure the parts; each section is kept in ``raw/<part>.md`` and all of them make ``RESULTS.md``."""
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SystemExit(f"There is no part '{unknown.pop()}': choose from {', '.join(PARTS)}.")
    measure.RAW.mkdir(exist_ok=True)
    for part in parts or PARTS:
        section = importlib.import_module(f"benchmarks.{part}").main()
        stamp = f"Measured {datetime.now(UTC):%Y-%m-%d} on {measure.machine()}"
        (measure.RAW / f"{part}.md").write_text(f"{section}\n\n{stamp}\n")
        print(section)
    sections = [file.read_text() for part in PARTS if (file := measure.RAW / f"{part}.md").exists()]
    head = "# Results\n\nMade by `make bench`; the machines are shared, so ratios count more than seconds.\n"
    (measure.FOLDER / "RESULTS.md").write_text("\n".join([head, *sections]))


if __name__ == "__main__":
    main(sys.argv[1:])
