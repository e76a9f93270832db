"""Fuzz every target for a while: ``python tests/fuzz/fuzz_for_minutes.py 10 [TARGET ...]``.

What breaks a reader is reduced by hypothesis, kept in ``tests/corpus/found/`` and tried again by every later run of
the tests. The exit status is 1 if anything was found.
"""

import hashlib
import itertools
import sys
import time
import traceback

from fuzz_targets import CORPUS, TARGETS, outcome
from hypothesis import HealthCheck, Phase, given, seed, settings
from mutations import damaged

ROUND = 300


def fuzz_once(name: str, number: int, deadline: float) -> bytes | None:
    """Try a round of damaged files; return the smallest that breaks the target, ``None`` where none does."""
    target = TARGETS[name]
    failing: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(content=damaged(target.seeds()))
    def check(content: bytes) -> None:
        if time.monotonic() > deadline and not failing:
            return
        try:
            outcome(target, content)
        except Exception:
            failing.append(content)
            raise

    try:
        check()
    except Exception:
        traceback.print_exc(limit=-6)
    return min(failing, key=len) if failing else None


def keep(name: str, content: bytes) -> str:
    """Keep a file that breaks a target in the corpus; return its name."""
    folder = CORPUS / "found" / TARGETS[name].corpus
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    path.write_bytes(content)
    return str(path)


def main(minutes: float, names: list[str]) -> int:
    deadline = time.monotonic() + 60 * minutes
    first = int(time.time())
    broken: dict[str, str] = {}
    rounds = dict.fromkeys(names, 0)
    for number in itertools.count(first):
        left = [name for name in names if name not in broken]
        if not left or time.monotonic() > deadline:
            break
        for name in left:
            rounds[name] += 1
            if time.monotonic() < deadline and (content := fuzz_once(name, number, deadline)) is not None:
                broken[name] = keep(name, content)
    for name in names:
        print(f"{name}: {rounds[name] * ROUND:,} files at most, {broken.get(name, 'nothing found')}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:] or list(TARGETS)))
