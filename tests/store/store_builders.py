"""Parts of a version made by hand, and what a test reads back."""

import json
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from pipeline.contracts import Candidate, Check, Verdict, Version
from pipeline.store.home import Home

MakeVersion = Callable[..., Version]


def verdict_on(candidate: Candidate, outcome: str, champion: Version | None) -> Verdict:
    check = Check("accuracy_floor", "accuracy", outcome, 0.5, 0.1, "a sentence")  # type: ignore[arg-type]
    against = (champion.id, champion.manifest.digest) if champion else (None, None)
    return Verdict(
        outcome,  # type: ignore[arg-type]
        candidate.id,
        candidate.digest,
        *against,
        candidate.dataset,
        "benchmark",
        1,
        "guarded",
        "policy",
        (check,),
    )


def write_model(path: Path, bias: int = 0) -> None:
    """Two classes from the sum of four pixels; ``bias`` makes files differ."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ],
        "sum",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 2, 2, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [4, 2], [0.0, 0.01] * 4),
            helper.make_tensor("bias", TensorProto.FLOAT, [2], [float(bias), 0.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def history_of(home: Home) -> list[dict[str, str]]:
    return [json.loads(line) for line in (home.production / "history.jsonl").read_text().splitlines()]
