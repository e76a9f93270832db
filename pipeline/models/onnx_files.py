"""ONNX graphs in the one form that is judged and served."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.models import onnx_names
from pipeline.models.protocol import ONNX_OPSET

INPUT = "images"
OUTPUT = "probabilities"


def front(pixels: str, shape: tuple[int, int, int]) -> Any:
    """Return a graph that turns uint8 ``images`` ``[N, H, W, C]`` into float32 ``pixels`` ``[N, H * W * C]``, 0 to 255.

    Nothing is scaled here: rounding in float32 would move pixels across the thresholds of trees.
    """
    from onnx import TensorProto, helper

    height, width, channels = shape
    return helper.make_graph(
        [
            helper.make_node("Cast", [INPUT], ["images_float"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["images_float"], [pixels], axis=1),
        ],
        "pixels",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", height, width, channels])],
        [helper.make_tensor_value_info(pixels, TensorProto.FLOAT, ["N", height * width * channels])],
    )


def as_model(graph: Any, opsets: Mapping[str, int] | None = None) -> Any:
    """Return a model of that graph; ``opsets`` are the versions of other operator domains that it uses."""
    from onnx import helper

    versions = {**(opsets or {}), "": ONNX_OPSET}
    return helper.make_model_gen_version(
        graph, opset_imports=[helper.make_opsetid(*entry) for entry in versions.items()]
    )


def with_front(converted: Any, front: Any) -> Any:
    """Return a converted classifier behind the graph that makes its floats from images; it gives probabilities only."""
    from onnx import compose

    (floats,), (taken,) = ([value.name for value in graph] for graph in (front.output, converted.graph.input))
    merged = compose.merge_graphs(front, converted.graph, io_map=[(floats, taken)], outputs=[OUTPUT])
    return as_model(merged, {entry.domain: entry.version for entry in converted.opset_import})


def write(model: Any, path: Path, n_classes: int) -> None:
    """Check a model in full and write it as one file, input and output shapes stated.

    Raises:
        ModelError: The graph is not valid ONNX.
    """
    import onnx
    from onnx import TensorProto, helper

    onnx_names.make_plain(model.graph)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", n_classes])
    model.graph.output[0].CopyFrom(output)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(
            f"The model cannot be written as valid ONNX ({error}); use layers or estimators that export, "
            "for instance GELU in its tanh form."
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


@contextmanager
def conversion(what: str) -> Iterator[None]:
    """Report whatever a converter raises as one sentence, and keep its log lines and warnings off the terminal."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ModelError:
        raise
    except Exception as error:  # the converters raise anything
        raise ModelError(f"{what} cannot be converted to ONNX ({error}); use another model or layer.") from error
    finally:
        logger.setLevel(level)
