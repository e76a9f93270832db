"""The watcher's decision on a candidate, and all that it consists of."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["pass", "fail", "error"]
Standing = Literal["pass", "passed_before", "unproven", "fail", "error"]
"""How an outcome is shown: a fail for want of proof alone is ``unproven``; after a pass, ``passed_before``."""
Disclosure = Literal["full", "verdict"]
"""What is shown of a refused version: all that was measured, or that it was refused."""


@dataclass(frozen=True)
class Check:
    """One rule of the gate, applied.

    Attributes:
        name: Stable, machine-readable: ``accuracy_floor``.
        title: For a person: ``accuracy at least 90 %``.
        outcome: ``pass``, ``fail``, or ``error`` where it could not be decided.
        value: What was measured, or ``None``.
        limit: What it was held against, or ``None``.
        sentence: What was found, for a person.
    """

    name: str
    title: str
    outcome: Outcome
    value: float | None
    limit: float | None
    sentence: str


@dataclass(frozen=True)
class PairedResult:
    """Challenger against champion on the same images.

    Attributes:
        fixed: Errors of the champion that the challenger gets right.
        made: Errors of the challenger that the champion gets right.
        gain_pp: Gain in accuracy, in percentage points.
        gain_low_pp, gain_high_pp: Its 95 % interval (Tango 1998).
        p_value: Exact, one-sided (McNemar): that the challenger is better.
    """

    fixed: int
    made: int
    gain_pp: float
    gain_low_pp: float
    gain_high_pp: float
    p_value: float


@dataclass(frozen=True)
class Lack:
    """What could not be proven on the images of a judgement.

    Attributes:
        gain: The gain in accuracy, a fraction: as measured, or a likely one where nothing was measured; the largest
            plausible one where the champion makes no error.
        disagreement: Share of the images that exactly one of the two models gets right, with that gain.
        level: The p-value that was needed.
        margin: By how much less than no loss at all was to be proven, a fraction; 0 where a gain was.
        measured: Whether the gain was measured.
        champion_errors: The champion's errors on these images; ``None`` if an older release judged.
        behind: Whether the challenger is less accurate than the champion on these images.
        images_in_folds: Images on which a cross-fitted challenger could be compared with this champion; ``None`` where
            that is not known.
    """

    gain: float
    disagreement: float
    level: float
    margin: float = 0.0
    measured: bool = True
    champion_errors: int | None = None
    behind: bool = False
    images_in_folds: int | None = None


@dataclass(frozen=True)
class Charge:
    """What a judgement cost the dataset's error budget.

    Attributes:
        level: The p-value that was needed.
        entry: The line of the ledger with the debit; 0 where nothing is on record.
        lineage: Whose ledger it is; ``None`` in a ledger of one benchmark, as older releases kept them.
        alpha: The budget; ``None`` under a policy that promises nothing over a series of judgements.
        spent: Part of the budget that is gone after the judgement; a promotion has its level back.
        judged: Judgements that were paid for, this one included.
    """

    level: float
    entry: int = 0
    lineage: str | None = None
    alpha: float | None = None
    spent: float | None = None
    judged: int | None = None


@dataclass(frozen=True)
class Verdict:
    """The watcher's decision on one candidate. Data, not an exception: a fail is expected.

    Attributes:
        outcome: ``pass`` only if there are checks and all of them pass.
        candidate_id, candidate_digest: Which version it judges.
        champion_id, champion_digest: Which champion it was compared with; ``None`` for a first champion.
        dataset: The dataset's name.
        benchmark_sha256: Digest of the set of benchmark images.
        truth_sha256: Digest of the benchmark images with their labels; empty if an older release judged.
        benchmark_images: How many they were.
        policy: The gate's name: ``guarded``.
        policy_sha256: Digest of every rule and number of the policy.
        checks: Each rule with its value, limit, outcome and sentence.
        explanation: Sentences for a person that belong to no single check.
        judged_at: UTC, ISO 8601.
        ledger: What the judgement cost; ``None`` if nothing was spent.
        comparison: Challenger against champion on the benchmark; ``None`` if they were not compared.
        disclose: What its policy lets reports and listings show where it is no pass.
        grown: Whether it is the champion's recipe, trained on all of the champion's images and more.
        lack: What the proof that alone is lacking was to show; ``None`` if it passed, or where more is wrong.
        out_of_fold: Whether the images it was judged on are all that it was made from, each answered by the member
            that was not trained on it; the benchmark's are among them.
    """

    outcome: Outcome
    candidate_id: str
    candidate_digest: str
    champion_id: str | None
    champion_digest: str | None
    dataset: str
    benchmark_sha256: str
    benchmark_images: int
    policy: str
    policy_sha256: str
    checks: tuple[Check, ...]
    explanation: tuple[str, ...] = ()
    judged_at: str = ""
    ledger: Charge | None = None
    comparison: PairedResult | None = None
    truth_sha256: str = ""
    disclose: Disclosure = "full"
    grown: bool = False
    lack: Lack | None = None
    out_of_fold: bool = False
