"""Several exported models as one file that gives the mean of their probabilities."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.models import onnx_files


def write(files: Sequence[Path], path: Path, n_classes: int) -> None:
    """Write the mean of models that take the same images, their graphs side by side.

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
            helper.make_node("Mean", answers, [onnx_files.OUTPUT]),
        ],
        "members",
        list(first.graph.input),
        list(first.graph.output),
        [constant for member in members for constant in member.graph.initializer],
    )
    opsets = {entry.domain: entry.version for member in members for entry in member.opset_import}
    onnx_files.write(onnx_files.as_model(graph, opsets), path, n_classes)
