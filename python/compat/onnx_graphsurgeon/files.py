"""Graphs from ModelProtos and back."""
from collections import OrderedDict

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .graph import Function, Graph
from .nodes import Node
from .tensors import Constant, LazyValues, OnnxGraphSurgeonException, SparseValues, Tensor, Variable

_A = onnx.AttributeProto
_KINDS = ("tensor_type", "sequence_type", "optional_type", "map_type", "sparse_tensor_type", "opaque_type")


def _numpy_type(kind):
    """numpy's type of an element type, the number itself where numpy has none, None where it is not known."""
    if kind == 0:
        return None
    try:
        if kind == onnx.TensorProto.BFLOAT16:
            return kind
        return np.dtype(helper.tensor_dtype_to_np_dtype(kind))
    except (KeyError, TypeError, ValueError):
        return kind


def _element_type(dtype, name):
    if dtype is None:
        return 0
    if isinstance(dtype, (int, np.integer)):
        return int(dtype)
    try:
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
    except (KeyError, TypeError, ValueError):
        raise OnnxGraphSurgeonException(f"tensor '{name}': found the type {dtype}, expected one that ONNX has; set its dtype") from None


def _variable(info):
    kind = next((kind for kind in _KINDS if info.type.HasField(kind)), None)
    made = Variable(info.name)
    if kind is None:
        return made
    made.type = kind
    made.proto_type = info.type
    inner = info.type
    while inner.HasField("sequence_type") or inner.HasField("optional_type"):
        inner = inner.sequence_type.elem_type if inner.HasField("sequence_type") else inner.optional_type.elem_type
    if inner.HasField("tensor_type"):
        made.dtype = _numpy_type(inner.tensor_type.elem_type)
        if inner.tensor_type.HasField("shape"):
            made.shape = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in inner.tensor_type.shape.dim]
    return made


class _Importer:
    def __init__(self, opset, import_domains):
        self.opset, self.import_domains = opset, import_domains

    def attribute(self, attribute, tensors):
        if attribute.ref_attr_name:
            return Node.AttributeRef(attribute.ref_attr_name, attribute.type)
        kind = attribute.type
        if kind == _A.TENSOR:
            return Constant(attribute.t.name or "", LazyValues(attribute.t))
        if kind == _A.GRAPH:
            return self.graph(attribute.g, tensors)
        if kind == _A.GRAPHS:
            return [self.graph(graph, tensors) for graph in attribute.graphs]
        if kind == _A.STRING:
            return _text(attribute.s)
        if kind == _A.STRINGS:
            return [_text(text) for text in attribute.strings]
        if kind == _A.TENSORS:
            return [Constant(tensor.name or "", LazyValues(tensor)) for tensor in attribute.tensors]
        for number, field in ((_A.FLOAT, "f"), (_A.INT, "i"), (_A.SPARSE_TENSOR, "sparse_tensor"), (_A.TYPE_PROTO, "tp")):
            if kind == number:
                return SparseAttribute(attribute.sparse_tensor) if field == "sparse_tensor" else getattr(attribute, field)
        for number, field in ((_A.FLOATS, "floats"), (_A.INTS, "ints"), (_A.TYPE_PROTOS, "type_protos")):
            if kind == number:
                return list(getattr(attribute, field))
        raise OnnxGraphSurgeonException(f"attribute '{attribute.name}': found the kind {kind}, expected one of ONNX's attribute types")

    def nodes(self, protos, tensors, own):
        """`tensors`: name -> Tensor, those around included; `own`: of this graph alone."""

        def take(name, made):
            if not name:
                return Variable.empty()
            if name in own:
                return own[name]
            if not made and name in tensors:
                return tensors[name]
            own[name] = tensors[name] = Variable(name)
            return own[name]

        nodes = []
        for proto in protos:
            inputs = [take(name, False) for name in proto.input]
            outputs = [take(name, True) for name in proto.output]
            node = Node(proto.op_type, proto.name, None, inputs, outputs, proto.domain or None)
            node.doc_string = proto.doc_string
            nodes.append((node, proto))
        for node, proto in nodes:
            node.attrs = OrderedDict((attribute.name, self.attribute(attribute, tensors)) for attribute in proto.attribute)
        return [node for node, _ in nodes]

    def graph(self, proto, around=None, **keywords):
        tensors, own = dict(around or {}), {}

        def add(tensor):
            tensors[tensor.name] = own[tensor.name] = tensor
            return tensor

        for tensor in proto.initializer:
            add(Constant(tensor.name, LazyValues(tensor), tensor.data_location or None))
        for tensor in proto.sparse_initializer:
            add(Constant(tensor.values.name, SparseValues(tensor)))
        for info in proto.value_info:
            if info.name not in own:
                add(_variable(info))
        # An input that is also an initializer is a constant here, as in the package.
        inputs = [add(_variable(info)) for info in proto.input if not isinstance(own.get(info.name), Constant)]
        for info in proto.output:
            if info.name not in own:
                add(_variable(info))
            elif isinstance(own[info.name], Variable) and own[info.name].dtype is None:
                typed = _variable(info)
                own[info.name].dtype, own[info.name].shape, own[info.name].type = typed.dtype, typed.shape, typed.type
        made = {name for node in proto.node for name in node.output}
        outputs = [around[info.name] if around and info.name in around and info.name not in made and not isinstance(own[info.name], Constant) and
                   all(info.name != other.name for other in inputs) else own[info.name] for info in proto.output]
        return Graph(self.nodes(proto.node, tensors, own), inputs, outputs, proto.name, proto.doc_string, self.opset, self.import_domains, **keywords)

    def function(self, proto):
        own = {}
        inputs = [own.setdefault(name, Variable(name)) for name in proto.input]
        nodes = self.nodes(proto.node, own, own)
        outputs = [own.setdefault(name, Variable(name)) for name in proto.output]
        attrs = {name: None for name in proto.attribute}
        attrs.update({attribute.name: self.attribute(attribute, own) for attribute in proto.attribute_proto})
        opset, domains = _opsets(proto.opset_import)
        return Function(proto.name, proto.domain, nodes, inputs, outputs, proto.doc_string, opset or self.opset, domains, attrs=attrs)


class SparseAttribute:
    """A sparse tensor as an attribute, kept as it is."""

    def __init__(self, proto):
        self.proto = proto


def _text(data):
    try:
        return data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        return data


def _opsets(imports):
    opset = next((entry.version for entry in imports if entry.domain in ("", "ai.onnx")), None)
    return opset, list(imports)


def import_onnx(model):
    """A Graph of a ModelProto. Values of weights are read when they are asked for."""
    if not hasattr(model, "graph") or not hasattr(model, "opset_import"):
        raise OnnxGraphSurgeonException(f"import_onnx: found {type(model).__name__}, expected a ModelProto; give it onnx.load(path)")
    opset, domains = _opsets(model.opset_import)
    importer = _Importer(opset or 1, domains)
    functions = [importer.function(function) for function in model.functions]
    return importer.graph(model.graph, producer_name=model.producer_name, producer_version=model.producer_version, functions=functions, ir_version=model.ir_version)


# Export.

def _tensor_proto(tensor):
    values = tensor._values
    if isinstance(values, SparseValues):
        values = values.load()
    if isinstance(values, LazyValues):
        made = onnx.TensorProto()
        made.CopyFrom(values.tensor)
        made.name = tensor.name
        return made
    kind = _element_type(tensor.export_dtype, tensor.name)
    if tensor._export_dtype is not None and kind != _element_type(values.dtype, tensor.name):
        return _converted(tensor.name, values, kind)
    return numpy_helper.from_array(np.asarray(values), tensor.name)


def _converted(name, values, kind):
    """A tensor of a type that numpy has not: bf16, rounded to nearest even."""
    if kind != onnx.TensorProto.BFLOAT16:
        try:
            return numpy_helper.from_array(np.asarray(values).astype(helper.tensor_dtype_to_np_dtype(kind)), name)
        except (KeyError, TypeError, ValueError):
            raise OnnxGraphSurgeonException(f"constant '{name}': values can't be written as the element type {kind}; only bfloat16 and numpy's own types are") from None
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    rounded = np.where(np.isnan(np.asarray(values, np.float32)), np.uint16(0x7FC0), rounded)
    made = onnx.TensorProto()
    made.name, made.data_type = name, kind
    made.dims.extend(int(size) for size in np.shape(values))
    made.raw_data = rounded.astype("<u2").tobytes()
    return made


def _value_info(tensor, check_type, where):
    made = onnx.ValueInfoProto()
    made.name = tensor.name
    if isinstance(tensor, Variable) and tensor.type != "tensor_type" and getattr(tensor, "proto_type", None) is not None:
        made.type.CopyFrom(tensor.proto_type)
        return made
    if tensor.dtype is None:
        if check_type:
            raise OnnxGraphSurgeonException(f"graph {where} '{tensor.name}': found no dtype, expected one; set tensor.dtype (and tensor.shape)")
        return made
    made.type.tensor_type.elem_type = _element_type(tensor.dtype, tensor.name)
    if tensor.shape is not None:
        made.type.tensor_type.shape.SetInParent()
        for dim in tensor.shape:
            added = made.type.tensor_type.shape.dim.add()
            if isinstance(dim, str):
                added.dim_param = dim
            elif dim is not None and dim >= 0:
                added.dim_value = int(dim)
    return made


def _attribute(name, value, outer, node):
    if isinstance(value, Node.AttributeRef):
        made = onnx.AttributeProto()
        made.name, made.type, made.ref_attr_name = name, value.type if isinstance(value.type, int) else _reference_type(value.type), value.name
        return made
    many = isinstance(value, (list, tuple))
    items = list(value) if many else [value]
    if any(isinstance(item, Graph) for item in items):
        items = [_graph_proto(item, outer, False) for item in items]
    elif any(isinstance(item, (Tensor, np.ndarray)) for item in items):
        items = [_tensor_proto(item if isinstance(item, Constant) else Constant(name, np.asarray(item))) for item in items]
    elif isinstance(value, SparseAttribute):
        made = onnx.AttributeProto()
        made.name, made.type = name, _A.SPARSE_TENSOR
        made.sparse_tensor.CopyFrom(value.proto)
        return made
    elif many and not items:
        made = onnx.AttributeProto()
        made.name, made.type = name, _A.INTS
        return made
    else:
        items = [item.item() if isinstance(item, np.generic) else item for item in items]
    try:
        return helper.make_attribute(name, items if many else items[0])
    except (TypeError, ValueError) as error:
        raise OnnxGraphSurgeonException(f"node '{node.name}': attribute '{name}' can't be written: {error}") from None


def _reference_type(kind):
    names = {float: _A.FLOAT, int: _A.INT, str: _A.STRING, Tensor: _A.TENSOR, Graph: _A.GRAPH}
    if kind not in names:
        raise OnnxGraphSurgeonException(f"attribute reference: found the type {kind}, expected int, float, str, Tensor or Graph")
    return names[kind]


def _node_proto(node, outer):
    made = onnx.NodeProto()
    made.op_type, made.name = node.op, node.name or ""
    if node.domain:
        made.domain = node.domain
    if getattr(node, "doc_string", ""):
        made.doc_string = node.doc_string
    made.input.extend(tensor.name for tensor in node.inputs)
    made.output.extend(tensor.name for tensor in node.outputs)
    made.attribute.extend(_attribute(name, value, outer, node) for name, value in node.attrs.items() if value is not None)
    return made


def _check(graph, outer):
    """Why the graph is no valid one."""
    known = set(outer) | {id(tensor) for tensor in graph.inputs}
    made = set()
    for node in graph.nodes:
        for tensor in node.outputs:
            if tensor.is_empty():
                continue
            if isinstance(tensor, Constant):
                raise OnnxGraphSurgeonException(f"node '{node.name}' ({node.op}): found the constant '{tensor.name}' among its outputs, expected a Variable")
            if id(tensor) in made:
                raise OnnxGraphSurgeonException(f"tensor '{tensor.name}': found two nodes that make it, expected one; clear the outputs of one")
            made.add(id(tensor))
    known |= made
    for node in graph.nodes:
        for tensor in node.inputs:
            if not tensor.is_empty() and isinstance(tensor, Variable) and id(tensor) not in known:
                raise OnnxGraphSurgeonException(f"node '{node.name}' ({node.op}): found the input '{tensor.name}', which no node makes and which is no graph input; expected a tensor of the graph; "
                                                "connect it, make it a Constant, or add it to graph.inputs")
    for tensor in graph.outputs:
        if isinstance(tensor, Variable) and id(tensor) not in known:
            raise OnnxGraphSurgeonException(f"graph output '{tensor.name}': found no node that makes it, expected one; take it out of graph.outputs, or connect it")
    return known


def _graph_proto(graph, outer, check_type):
    tensors = graph.tensors(check_duplicates=True)
    known = _check(graph, outer)
    own = [tensor for tensor in tensors.values() if id(tensor) not in outer]
    made = onnx.GraphProto()
    made.name, made.doc_string = graph.name, graph.doc_string or ""
    made.initializer.extend(_tensor_proto(tensor) for tensor in own if isinstance(tensor, Constant))
    inner = known | {id(tensor) for tensor in own}
    made.node.extend(_node_proto(node, inner) for node in graph.nodes)
    made.input.extend(_value_info(tensor, check_type, "input") for tensor in graph.inputs)
    made.output.extend(_value_info(tensor, check_type, "output") for tensor in graph.outputs)
    ends = {id(tensor) for tensor in list(graph.inputs) + list(graph.outputs)}
    made.value_info.extend(_value_info(tensor, False, "tensor") for tensor in own if isinstance(tensor, Variable) and tensor.dtype is not None and id(tensor) not in ends)
    return made


def _function_proto(function):
    graph = Graph(function.nodes, function.inputs, function.outputs, function.name, "", function.opset)
    known = _check(graph, set())
    made = onnx.FunctionProto()
    made.name, made.domain = function.name, function.domain
    if function.doc_string:
        made.doc_string = function.doc_string
    made.input.extend(tensor.name for tensor in function.inputs)
    made.output.extend(tensor.name for tensor in function.outputs)
    for name, value in function.attrs.items():
        if value is None:
            made.attribute.append(name)
        else:
            made.attribute_proto.append(_attribute(name, value, set(), Node(function.name)))
    constants = [tensor for tensor in function.tensors().values() if isinstance(tensor, Constant)]
    for tensor in constants:  # functions have no initializers
        made.node.append(helper.make_node("Constant", [], [tensor.name], name="", value=_tensor_proto(tensor)))
    made.node.extend(_node_proto(node, known | {id(tensor) for tensor in constants}) for node in function.nodes)
    made.opset_import.extend(_opset_imports(function))
    return made


def _opset_imports(graph):
    entries = [helper.make_opsetid("", graph.opset)]
    known = {"", "ai.onnx"}
    for entry in graph.import_domains or []:
        if entry.domain not in known:
            known.add(entry.domain)
            entries.append(helper.make_opsetid(entry.domain, entry.version))
    domains = {node.domain for node in graph.nodes if node.domain} | {function.domain for function in graph.functions}
    entries += [helper.make_opsetid(domain, 1) for domain in sorted(domains) if domain not in known]
    return entries


def export_onnx(graph, do_type_check=True, **kwargs):
    """A ModelProto; further keywords are those of onnx.helper.make_model. A graph that would be no valid file is an OnnxGraphSurgeonException that says why."""
    if isinstance(graph, Function):
        raise OnnxGraphSurgeonException("export_onnx: found a Function, expected a Graph; add it to graph.functions")
    if graph.ir_version and "ir_version" not in kwargs:
        kwargs["ir_version"] = max(int(graph.ir_version), 8 if graph.functions else 4)
    kwargs.setdefault("opset_imports", _opset_imports(graph))
    for name in ("producer_name", "producer_version"):
        if getattr(graph, name):
            kwargs.setdefault(name, getattr(graph, name))
    if graph.functions:
        kwargs.setdefault("functions", [_function_proto(function) for function in graph.functions])
    return helper.make_model(_graph_proto(graph, set(), do_type_check), **kwargs)
