"""How fit time and peak memory grow with the number of images, from a thousand to a million."""

from statistics import fmean

from benchmarks import measure
from benchmarks.fit_once import Fit, Result

SIZES = (1_000, 10_000, 60_000, 200_000, 1_000_000)
ALL, MOST = SIZES[2], SIZES[-1]
ONE_EPOCH = {"effort": "quick"}
Found = dict[int, list[Result]]


def main(*, seeds: int, known_only: bool) -> str:
    """Measure and return the section of ``RESULTS.md``; above 60,000 the images are shifted copies."""
    planned = [Fit("cnn", size, seed, ONE_EPOCH) for seed in range(seeds) for size in SIZES]
    found: Found = {size: [] for size in SIZES}
    for fit, result in measure.fits("growth", planned, known_only=known_only):
        found[fit.train_size].append(result)
    columns = ("images", "fit seconds", "seconds per 1,000", "peak MiB", "MiB of the images themselves")
    return "\n\n".join(
        [
            "## Growth of `cnn --effort quick`",
            measure.table(("what", "target", "measured", "reached"), _targets(found)),
            measure.table(columns, [_row(size, results) for size, results in found.items()]),
            "The images are one array that is handed to `fit`; a run holds what it loaded beside that. Up to about "
            "49,000 images the floor of 250 steps decides on the time.",
        ]
    )


def _targets(found: Found) -> list[tuple[str, ...]]:
    each = {size: [result.fit_seconds / size for result in found[size]] for size in (ALL, MOST)}
    slower = [most / all_ for most, all_ in zip(each[MOST], each[ALL], strict=True)]
    more = [most.peak_mib - all_.peak_mib for most, all_ in zip(found[MOST], found[ALL], strict=True)]
    grown = [mib / (_mib(MOST) - _mib(ALL)) for mib in more]
    return [
        (what, "at most 1.1", measure.mean_and_spread(ratios), measure.yes(fmean(ratios) <= 1.1))
        for what, ratios in (
            (f"seconds an image, of {MOST:,} / of {ALL:,}: linear in time", slower),
            (
                f"growth of the peak from {ALL:,} to {MOST:,} / growth of the uint8 images: the rest is constant",
                grown,
            ),
        )
    ]


def _row(size: int, results: list[Result]) -> tuple[str, ...]:
    seconds = [result.fit_seconds for result in results]
    return (
        f"{size:,}",
        measure.mean_and_spread(seconds, digits=1),
        measure.mean_and_spread(seconds, 1000 / size, 3),
        f"{max(result.peak_mib for result in results):,.0f}",
        f"{_mib(size):,.0f}",
    )


def _mib(images: int) -> float:
    return images * 784 / 2**20
