"""How skl2onnx, which does not know scikit-learn's ``DummyClassifier``, converts it."""

from typing import Any

import numpy as np


def register() -> None:
    """Register the converter with skl2onnx; repeated calls change nothing."""
    from skl2onnx import update_registered_converter
    from sklearn.dummy import DummyClassifier

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}
    update_registered_converter(DummyClassifier, "Dummy", _shapes, _convert, options=options)


def _shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

    images = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = Int64TensorType([images])
    operator.outputs[1].type = FloatTensorType([images, len(operator.raw_operator.classes_)])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    from onnx import TensorProto
    from skl2onnx.common.data_types import guess_proto_type

    frequencies = operator.raw_operator.class_prior_.astype(np.float32)
    pixels, (labels, probabilities) = operator.inputs[0], operator.outputs
    nothing = (pixels.type.shape[1], len(frequencies))
    names = {name: scope.get_unique_variable_name(name) for name in ("nothing", "zeros", "frequencies")}
    number = guess_proto_type(pixels.type)
    container.add_initializer(names["nothing"], number, nothing, np.zeros(nothing, np.float32).ravel())
    container.add_initializer(names["frequencies"], TensorProto.FLOAT, [len(frequencies)], frequencies)
    # Pixels times nothing: a row of zeros for each image, however many there are.
    container.add_node("MatMul", [pixels.full_name, names["nothing"]], names["zeros"])
    container.add_node("Add", [names["zeros"], names["frequencies"]], probabilities.full_name, op_version=18)
    container.add_node("ArgMax", probabilities.full_name, labels.full_name, op_version=18, axis=1, keepdims=0)
