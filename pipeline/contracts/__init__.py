"""The frozen types that pass between the stages. They hold data and do nothing."""

from pipeline.contracts.arrays import Digests, Images, Labels, Probabilities, Rows, Shape
from pipeline.contracts.deployment import Deployment, Refit, Submission
from pipeline.contracts.images import LabelledImages, Roles, Split, UnlabelledImages
from pipeline.contracts.training import (
    BalanceName,
    Candidate,
    Cell,
    EffortName,
    FitProgress,
    History,
    no_progress,
)
from pipeline.contracts.verdict import Charge, Check, Disclosure, Lack, Outcome, PairedResult, Standing, Verdict
from pipeline.contracts.version import Version

__all__ = [
    "BalanceName",
    "Candidate",
    "Cell",
    "Charge",
    "Check",
    "Deployment",
    "Digests",
    "Disclosure",
    "EffortName",
    "FitProgress",
    "History",
    "Images",
    "LabelledImages",
    "Labels",
    "Lack",
    "Outcome",
    "PairedResult",
    "Probabilities",
    "Refit",
    "Roles",
    "Rows",
    "Shape",
    "Split",
    "Standing",
    "Submission",
    "UnlabelledImages",
    "Verdict",
    "Version",
    "no_progress",
]
