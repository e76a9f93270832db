"""Several exported models as one file that gives the mean of their probabilities, weighted or not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.models import onnx_files


def write(files: Sequence[Path], path: Path, n_classes: int, weights: Sequence[float] | None = None) -> None:
    """Write the mean of models that take the same images, their graphs side by side.

    Args:
        files: The models.
        path: Where the mean is written.
        n_classes: How many classes there are.
        weights: What each model counts, in all 1; ``None`` where all count the same.

    Raises:
        ModelError: The graph is not valid ONNX.
    """
    import onnx
    from onnx import compose, helper

    first = onnx.load(files[0])
    # The input keeps its name, so that all members read the same images.
    members = [
        compose.add_prefix(onnx.load(file), f"member_{number}_", rename_inputs=False)
        for number, file in enumerate(files)
    ]
    answers = [member.graph.output[0].name for member in members]
    graph = helper.make_graph(
        [
            *(node for member in members for node in member.graph.node),
            *_mean(answers, weights),
        ],
        "members",
        list(first.graph.input),
        list(first.graph.output),
        [constant for member in members for constant in member.graph.initializer],
    )
    opsets = {entry.domain: entry.version for member in members for entry in member.opset_import}
    onnx_files.write(onnx_files.as_model(graph, opsets), path, n_classes)


def _mean(answers: Sequence[str], weights: Sequence[float] | None) -> list[Any]:
    from onnx import TensorProto, helper

    if weights is None:
        return [helper.make_node("Mean", answers, [onnx_files.OUTPUT])]
    nodes = []
    for number, (answer, weight) in enumerate(zip(answers, weights, strict=True)):
        value = helper.make_tensor(f"weight_{number}", TensorProto.FLOAT, [], [weight])
        nodes.append(helper.make_node("Constant", [], [f"weight_{number}"], value=value))
        nodes.append(helper.make_node("Mul", [answer, f"weight_{number}"], [f"weighted_{number}"]))
    parts = [f"weighted_{number}" for number in range(len(answers))]
    return [*nodes, helper.make_node("Sum", parts, [onnx_files.OUTPUT])]
