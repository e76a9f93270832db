"""The gate for predictions made anywhere: truth and two models' answers in, a verdict out.

It needs none of the rest of the pipeline: no images, no models, no training.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import moments
from pipeline.contracts import Verdict
from pipeline.errors import SettingsError, shown
from pipeline.judging import explain, gate, ledger, paying, spending
from pipeline.judging.policy import GatePolicy, from_table
from pipeline.judging.predictions import Answers, Question, question

__all__ = ["Answers", "GatePolicy", "check_files", "check_predictions", "from_table"]


def check_predictions(
    benchmark: Answers,
    validation: Answers | None = None,
    *,
    policy: GatePolicy | str = "guarded",
    classes: Sequence[object] | None = None,
    ledger_in: Path | str | None = None,
    dataset: str = "data",
    champion: str = "champion",
    challenger: str = "challenger",
) -> Verdict:
    """Judge a challenger by its predictions, as the pipeline's own gate does.

    Args:
        benchmark: Truth and both models' answers on images that neither was trained on: ``Answers(labels, champion,
            challenger)``; labels ``[N]``, answers as labels ``[N]`` or probabilities ``[N, K]``.
        validation: The same on other images that neither was fitted on. They screen, and set the level: a challenger
            that looks good there is judged less strictly. Without them the level is
            ``spending.DEFAULT_SHARE`` of what is left.
        policy: A preset's name, or a policy of your own: ``from_table({"accuracy_floor": 0.95})``.
        classes: The K classes in the order of the columns; by default 0 to K - 1, or every label that occurs.
        ledger_in: Folder in which the dataset's error budget is kept, made if it is missing. The same pair, judged
            again, gets its stored verdict at no cost. Without it nothing is kept, and the verdict promises nothing
            over several judgements.
        dataset: The dataset's name; each has its own budget in the folder.
        champion, challenger: What the two are called in the verdict.

    Raises:
        DataError: An array has another length or form than its neighbours, or names an unknown class.
        SettingsError: The policy needs more than predictions.
        StoreError: The ledger was changed, or cannot be written.
    """
    rules = from_table(preset=policy) if isinstance(policy, str) else policy
    asked = question(rules, benchmark, validation, classes=classes, dataset=dataset, names=(champion, challenger))
    if ledger_in is None:
        return _judged(rules, asked, ledger.Ledger(dataset), ledger.with_entry, kept=False)
    from pipeline.store import ledger_folder

    with _alone(Path(ledger_in).absolute(), dataset) as folder:
        book = ledger_folder.read(folder, dataset)
        return _judged(rules, asked, book, partial(ledger_folder.append, folder), kept=True)


def check_files(
    benchmark: Sequence[Path],
    validation: Sequence[Path] | None = None,
    *,
    policy: GatePolicy | str = "guarded",
    ledger_in: Path | str | None = None,
    dataset: str = "data",
) -> Verdict:
    """Judge predictions in files, CSV or ``.npz``: labels, champion and challenger; see ``check_predictions``.

    Raises:
        DataError: A file cannot be read, or the files do not fit each other.
        SettingsError, StoreError: As for ``check_predictions``.
    """
    from pipeline.data import answer_files

    decisive, classes = answer_files.aligned([answer_files.read(path) for path in benchmark])
    other, _ = answer_files.aligned([answer_files.read(path) for path in validation or ()], classes)
    return check_predictions(
        Answers(*decisive),
        Answers(*other) if other else None,
        policy=policy,
        classes=classes,
        ledger_in=ledger_in,
        dataset=dataset,
        champion=benchmark[1].stem,
        challenger=benchmark[2].stem,
    )


def _judged(rules: GatePolicy, asked: Question, book: ledger.Ledger, append: paying.Append, *, kept: bool) -> Verdict:
    policy, evidence = asked.policy, asked.evidence
    debit = ledger.paid(book, paying.pair_of(policy, evidence))
    stored = ledger.verdict_of(book, debit.entry) if debit else None
    if stored is not None:
        return _again(stored, asked)
    screening = gate.screen(policy, evidence)
    paid = screening.judgement or paying.pay(policy, evidence, screening, book, append)
    if isinstance(paid, gate.Judgement):
        return _verdict(rules, asked, paid, kept=kept)
    book, debit = paid
    grant = ledger.granted(book, policy, debit) if kept else ledger.Grant(debit.level)
    verdict = _verdict(rules, asked, gate.compare(policy, evidence, screening, grant), kept=kept)
    append(book, ledger.verdict_entry(debit, asdict(verdict)))
    return verdict


def _again(stored: Mapping[str, Any], asked: Question) -> Verdict:
    from pipeline.store import verdicts

    verdict = verdicts.from_json(stored)
    champion = asked.evidence.champion
    return replace(verdict, candidate_id=asked.evidence.challenger.id, champion_id=champion.id if champion else None)


def _verdict(rules: GatePolicy, asked: Question, judgement: gate.Judgement, *, kept: bool) -> Verdict:
    verdict = gate.verdict(asked.policy, asked.evidence, judgement, moments.now())
    return replace(verdict, policy=rules.name, explanation=tuple(_explanation(asked, judgement, kept=kept)))


def _explanation(asked: Question, judgement: gate.Judgement, *, kept: bool) -> Iterator[str]:
    policy, grant = asked.policy, judgement.grant
    promise = explain.promise(policy)
    keeps = kept or not policy.promises
    yield from (sentence for sentence in judgement.explanation if keeps or sentence != promise)
    if grant and not keeps:
        yield (
            f"No ledger was named, so this counts as the dataset's first judgement: it errs with a probability of at "
            f"most {grant.level:g}, and nothing is promised over several."
        )
    if grant and policy.promises and len(asked.evidence.validation_labels) == 0:
        yield (
            f"There were no validation predictions, so the level was {100 * spending.DEFAULT_SHARE:g} % of what was "
            f"left; with them it is up to {100 * spending.LARGEST_SHARE:g} %."
        )
    if asked.unseen:
        yield f"Not checked, since predictions do not show it: {', '.join(asked.unseen)}."


@contextmanager
def _alone(folder: Path, dataset: str) -> Iterator[Path]:
    """Make the folder and hold its lock."""
    import filelock

    from pipeline.facts import names
    from pipeline.store import atomic

    if (wrong := names.problem(dataset)) is not None:
        raise SettingsError(f"The dataset's name {shown(dataset)} cannot be the name of a ledger: {wrong}.")
    lock = filelock.FileLock(folder / ".lock")
    with atomic.disk_errors(folder):
        atomic.make_folder(folder)
        lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
