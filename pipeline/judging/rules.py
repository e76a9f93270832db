"""The register of checks: each is one function, tied to the field of the policy that holds its limit.

To add a check, write a function ``(evidence, limit) -> Check | None`` under ``@rule(...)`` in one of the modules of
checks, and give ``GatePolicy`` a field of that name. Nothing else changes: the gate, the policy in words and the
documentation's table are made from this register.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pipeline.contracts import Check
from pipeline.judging.evidence import Evidence
from pipeline.judging.policy import GatePolicy

Apply = Callable[[Evidence, Any], Check | None]
Burden = Literal["proven good", "not proven bad", "as measured"]
"""``proven good``: passes only what is proven to reach the limit. ``not proven bad``: fails only what is proven to miss
it. ``as measured``: compares the figure itself with the limit."""
Looks = Literal["making", "validation", "benchmark"]


@dataclass(frozen=True)
class Rule:
    """One check.

    Attributes:
        field: The policy's field with its limit; ``None`` for a check that no policy can switch off.
        looks_at: What it reads. All that reads the benchmark comes after the debit.
        burden: On whom the proof is.
        why: Why the burden is there, in a sentence.
        words: The rule in a sentence, with a place for the limit.
        apply: The check itself; ``None`` where it has nothing to look at.
        words_in_folds: The sentence under a policy that compares out of fold, where it is another one.
    """

    field: str | None
    looks_at: Looks
    burden: Burden
    why: str
    words: str
    apply: Apply
    words_in_folds: str | None = None

    def in_words(self, policy: GatePolicy) -> str | None:
        """Return the rule as a sentence with its limit; ``None`` where the policy switches it off."""
        limit = None if self.field is None else getattr(policy, self.field)
        words = self.words_in_folds if policy.out_of_fold and self.words_in_folds else self.words
        return None if self.field and limit is None else words.format(limit)


_REGISTER: dict[str, Rule] = {}


def rule(
    field: str | None, *, looks_at: Looks, burden: Burden, why: str, words: str, words_in_folds: str | None = None
) -> Callable[[Callable[..., Check | None]], Callable[..., Check | None]]:
    """Register a check; one without a field takes the evidence alone."""

    def register(function: Callable[..., Check | None]) -> Callable[..., Check | None]:
        apply: Apply = function if field else lambda evidence, _: function(evidence)
        _REGISTER[function.__name__] = Rule(field, looks_at, burden, why, words, apply, words_in_folds)
        return function

    return register


def registered() -> Mapping[str, Rule]:
    """Return every check by the name of its function, in the order in which they are made."""
    from pipeline.judging import benchmark_checks, free_checks  # noqa: F401 they fill the register

    return MappingProxyType(_REGISTER)


def applied(policy: GatePolicy, evidence: Evidence, *, benchmark: bool) -> list[Check]:
    """Return the checks that the policy asks for: those that read the benchmark, or all others."""
    wanted = [one for one in registered().values() if (one.looks_at == "benchmark") == benchmark]
    limits = [(one, None if one.field is None else getattr(policy, one.field)) for one in wanted]
    found = [one.apply(evidence, limit) for one, limit in limits if one.field is None or limit is not None]
    return [check for check in found if check]
