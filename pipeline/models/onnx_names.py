"""Names inside an ONNX graph that depend on the graph alone, so that equal models have equal bytes."""

from typing import Any


def make_plain(graph: Any) -> None:
    """Name nodes and tensors by their place, and drop what carries no meaning; converters number by hash order.

    Graphs with sub-graphs (loops, branches) are left as they are, since names reach across them.
    """
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        return
    graph.name, graph.doc_string = "classifier", ""
    del graph.value_info[:]
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    names[""] = ""
    for number, node in enumerate(graph.node):
        node.name, node.doc_string = f"{node.op_type}_{number}", ""
        for name in (*node.input, *node.output):
            names.setdefault(name, f"tensor_{len(names)}")
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    order = {name: place for place, name in enumerate(names)}
    used = [constant for constant in graph.initializer if constant.name in order]
    constants = sorted(used, key=lambda constant: order[constant.name])
    for constant in constants:
        constant.name, constant.doc_string = names[constant.name], ""
    del graph.initializer[:]
    graph.initializer.extend(constants)
