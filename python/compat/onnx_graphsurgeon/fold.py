"""Constant folding: what depends on constants alone is computed by Sinter and takes its nodes' place."""
import sys

import numpy as np

from .graph import Graph
from .nodes import Node
from .tensors import Constant, OnnxGraphSurgeonException, Variable

_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
# Quantization is kept where it is: engines are built by it.
_KEPT = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
_LARGEST = 1 << 30


def _value_of(node):
    """Of a Constant node, or None."""
    attrs = node.attrs
    for name, make in (("value", lambda v: v._values), ("value_int", lambda v: np.array(v, np.int64)), ("value_ints", lambda v: np.array(v, np.int64)),
                       ("value_float", lambda v: np.array(v, np.float32)), ("value_floats", lambda v: np.array(v, np.float32)),
                       ("value_string", lambda v: np.array(v, object)), ("value_strings", lambda v: np.array(v, object))):
        if name in attrs and not isinstance(attrs[name], Node.AttributeRef):
            return make(attrs[name])
    return None


def _replace(tensor, values):
    tensor.inputs.clear()
    tensor.to_constant(values)


def _constants_of_nodes(graph):
    for node in graph.nodes:
        if node.op == "Constant" and not node.domain and len(node.outputs) == 1:
            values = _value_of(node)
            if values is not None:
                _replace(node.outputs[0], values)


def _slice_of_shape(node, dims):
    """Shape's own start and end (opset 15)."""
    start, end = node.attrs.get("start", 0), node.attrs.get("end", None)
    return dims[start:end]


def _fold_shapes(graph):
    """Shape of a known shape, and Gather or Slice of those of its dims that are known."""
    changed = 0
    for node in graph.nodes:
        if not node.inputs or not node.outputs:
            continue
        if node.op == "Shape" and node.inputs[0].shape is not None:
            dims = _slice_of_shape(node, list(node.inputs[0].shape))
            if all(isinstance(dim, (int, np.integer)) and dim >= 0 for dim in dims):
                _replace(node.outputs[0], np.array(dims, np.int64))
                changed += 1
            continue
        source = node.inputs[0].inputs[0] if node.op in ("Gather", "Slice") and len(node.inputs[0].inputs) == 1 else None
        if source is None or source.op != "Shape" or not source.inputs or source.inputs[0].shape is None:
            continue
        picked = _picked(node, _slice_of_shape(source, list(source.inputs[0].shape)))
        if picked is not None:
            _replace(node.outputs[0], picked)
            changed += 1
    return changed


def _picked(node, dims):
    if not all(isinstance(tensor, Constant) for tensor in node.inputs[1:] if not tensor.is_empty()):
        return None
    places = np.arange(len(dims))
    try:
        if node.op == "Gather":
            chosen = places[node.inputs[1].values]
        else:
            values = [tensor.values.reshape(-1) for tensor in node.inputs[1:]]
            if len(values) < 2 or (len(values) > 2 and list(values[2]) not in ([0], [-1])):
                return None
            chosen = places[int(values[0][0]):int(values[1][0]):int(values[3][0]) if len(values) > 3 else 1]
    except (IndexError, ValueError):
        return None
    found = [dims[place] for place in np.ravel(chosen)]
    if not all(isinstance(dim, (int, np.integer)) and dim >= 0 for dim in found):
        return None
    return np.array(found, np.int64).reshape(np.shape(chosen))


def _flatten(graph):
    """The branch of an If whose condition is known takes its place."""
    again = False
    for node in list(graph.nodes):
        if node.op != "If" or not node.inputs or not isinstance(node.inputs[0], Constant):
            continue
        branch = node.attrs.get("then_branch" if bool(np.ravel(node.inputs[0].values)[0]) else "else_branch")
        if not isinstance(branch, Graph):
            continue
        names = set(graph.tensors())
        for tensor in branch.tensors().values():
            if tensor.name in names and not any(tensor is other for other in branch._outer_tensors()):
                tensor.name = f"{node.name or 'if'}/{tensor.name}"
        at = next(index for index, other in enumerate(graph.nodes) if other is node)
        outputs = list(node.outputs)
        node.inputs.clear()
        node.outputs.clear()
        added = list(branch.nodes)
        for outer, inner in zip(outputs, branch.outputs):
            maker = inner.inputs[0] if len(inner.inputs) == 1 else None
            if maker is not None and any(maker is other for other in added):
                place = next(index for index, tensor in enumerate(maker.outputs) if tensor is inner)
                for reader in list(inner.outputs):
                    for index, tensor in enumerate(list(reader.inputs)):
                        if tensor is inner:
                            reader.inputs[index] = outer
                maker.outputs[place] = outer
            else:
                added.append(Node("Identity", f"{outer.name}/identity", None, [inner], [outer]))
        graph.nodes[at:at + 1] = added
        again = True
    return again


def _foldable(graph, exclude):
    chosen, known = [], set()
    for node in graph.nodes:
        if node.op in _RANDOM or node.op in _KEPT or node.op == "Constant" or not node.inputs or not node.outputs:
            continue
        if any(not tensor.is_empty() and not isinstance(tensor, Constant) and id(tensor) not in known for tensor in node.inputs):
            continue
        if any(True for _ in node.subgraphs()) or any(isinstance(value, Node.AttributeRef) for value in node.attrs.values()):
            continue
        if any(function.name == node.op and function.domain == (node.domain or "") for function in graph.functions) or (exclude and exclude(node)):
            continue
        chosen.append(node)
        known.update(id(tensor) for tensor in node.outputs)
    return chosen


def _evaluate(graph, nodes, wanted):
    """Values of `wanted`, by an engine of these nodes alone."""
    import sinter

    from .files import export_onnx
    tensors = {}

    def copied(tensor):
        if tensor.is_empty():
            return Variable.empty()
        if id(tensor) not in tensors:
            tensors[id(tensor)] = tensor.copy()
        return tensors[id(tensor)]

    copies = [node.copy([copied(tensor) for tensor in node.inputs], [copied(tensor) for tensor in node.outputs]) for node in nodes]
    part = Graph(copies, [], [copied(tensor) for tensor in wanted], "fold", opset=graph.opset, import_domains=graph.import_domains)
    for tensor in part.outputs:
        tensor.shape = None
    model = export_onnx(part, do_type_check=False).SerializeToString()
    found = sinter.load_or_build(model, tf32=False, threads=1).infer({})
    return [np.array(found[tensor.name]) for tensor in wanted]


def fold(graph, fold_shapes, error_ok, flatten, size_threshold, exclude):
    for _ in range(len(graph.nodes) + 1):
        _constants_of_nodes(graph)
        changed = _fold_shapes(graph) if fold_shapes else 0
        changed += _fold_values(graph, error_ok, size_threshold, exclude)
        if flatten and _flatten(graph):
            changed += 1
        if not changed:
            return


def _fold_values(graph, error_ok, size_threshold, exclude):
    nodes = _foldable(graph, exclude)
    # A node is done when its outputs are constants; those that were tried and failed stay.
    nodes = [node for node in nodes if not getattr(node, "_not_folded", False)]
    inside = {id(node) for node in nodes}
    ends = {id(tensor) for tensor in graph.outputs}
    outer_use = {id(tensor) for inner in graph.subgraphs() for tensor in inner._outer_tensors()}
    wanted = [tensor for node in nodes for tensor in node.outputs if not tensor.is_empty() and
              (id(tensor) in ends or id(tensor) in outer_use or any(id(reader) not in inside for reader in tensor.outputs))]
    if not wanted:
        return 0
    return _fold_group(graph, nodes, wanted, error_ok, size_threshold)


def _fold_group(graph, nodes, wanted, error_ok, size_threshold):
    """All at once; where that fails, one after the other, so that what can't be computed alone stays."""
    try:
        results = _evaluate(graph, nodes, wanted)
    except Exception as error:  # of the engine's build or run
        if len(nodes) == 1:
            nodes[0]._not_folded = True
            if not error_ok:
                raise OnnxGraphSurgeonException(f"fold_constants: node '{nodes[0].name}' ({nodes[0].op}) could not be computed: {error}") from error
            print(f"onnx_graphsurgeon: node '{nodes[0].name}' ({nodes[0].op}) stays: {error}", file=sys.stderr)
            return 0
        changed = 0
        for node in nodes:
            if all(tensor.is_empty() or isinstance(tensor, Constant) for tensor in node.inputs):
                changed += _fold_group(graph, [node], [tensor for tensor in node.outputs if not tensor.is_empty()], error_ok, size_threshold)
        return changed
    changed = 0
    for tensor, values in zip(wanted, results):
        if values.nbytes > (_LARGEST if size_threshold is None else size_threshold):
            for node in tensor.inputs:
                node._not_folded = True
            continue
        _replace(tensor, values)
        changed += 1
    return changed
