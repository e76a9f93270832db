"""How fit time and peak memory grow with the number of images, from a thousand to a million."""

from benchmarks import measure
from benchmarks.fit_once import Fit

SIZES = (1_000, 10_000, 60_000, 200_000, 1_000_000)
ONE_EPOCH = {"effort": "quick"}


def main(*, known_only: bool) -> str:
    """Measure and return the section of ``RESULTS.md``; above 60,000 the images are shifted copies."""
    results = measure.fits("growth", [Fit("cnn", size, overrides=ONE_EPOCH) for size in SIZES], known_only=known_only)
    rows = []
    for fit, result in results:
        pixels = fit.train_size * 784 / 2**20
        per_thousand = 1000 * result.fit_seconds / fit.train_size
        rows.append(
            (
                f"{fit.train_size:,}",
                f"{result.fit_seconds:.1f}",
                f"{per_thousand:.2f}",
                f"{result.peak_mib:,.0f}",
                f"{pixels:,.0f}",
            )
        )
    columns = ("images", "fit seconds", "seconds per 1,000", "peak MiB", "MiB of the images themselves")
    return "## Growth of `cnn --effort quick`\n\n" + measure.table(columns, rows)
