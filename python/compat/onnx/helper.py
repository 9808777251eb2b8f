"""Makes messages."""
import numbers

import numpy

from ._own import IR_VERSION, MESSAGES
from .mapping import NP_TYPE_TO_TENSOR_TYPE, TENSOR_TYPE_TO_NP_TYPE
from .numpy_helper import from_array

_KINDS = MESSAGES["AttributeProto"]


def make_attribute(key, value, doc_string=None, attr_type=None):
    made = MESSAGES["AttributeProto"](name=key, doc_string=doc_string)
    items = list(value) if isinstance(value, (list, tuple, numpy.ndarray)) else None
    first = (items[0] if items else None) if items is not None else value
    if items is not None and not items and attr_type is None:
        raise ValueError(f"attribute '{key}': an empty list needs attr_type")
    if isinstance(first, numbers.Integral):
        kind, single, many = "INT", "i", "ints"
        if items is not None and any(not isinstance(item, numbers.Integral) for item in items):
            kind, single, many = "FLOAT", "f", "floats"
    elif isinstance(first, numbers.Real):
        kind, single, many = "FLOAT", "f", "floats"
    elif isinstance(first, (str, bytes)):
        kind, single, many = "STRING", "s", "strings"
        encode = lambda text: text.encode() if isinstance(text, str) else text
        value, items = (encode(value), None) if items is None else (None, [encode(text) for text in items])
    elif isinstance(first, MESSAGES["TensorProto"]):
        kind, single, many = "TENSOR", "t", "tensors"
    elif isinstance(first, MESSAGES["GraphProto"]):
        kind, single, many = "GRAPH", "g", "graphs"
    elif isinstance(first, MESSAGES["TypeProto"]):
        kind, single, many = "TYPE_PROTO", "tp", "type_protos"
    elif items == []:
        made.type = attr_type
        return made
    else:
        raise TypeError(f"attribute '{key}': found {type(first).__name__}, expected numbers, str, tensors or graphs")
    if items is not None:
        getattr(made, many).extend(items)
        made.type = getattr(_KINDS, kind + "S")
    elif kind in ("TENSOR", "GRAPH", "TYPE_PROTO"):
        getattr(made, single).CopyFrom(value)
        made.type = getattr(_KINDS, kind)
    else:
        setattr(made, single, value)
        made.type = getattr(_KINDS, kind)
    return made


def get_attribute_value(attribute):
    for kind, field in (("FLOAT", "f"), ("INT", "i"), ("STRING", "s"), ("TENSOR", "t"), ("GRAPH", "g"), ("TYPE_PROTO", "tp")):
        if attribute.type == getattr(_KINDS, kind):
            return getattr(attribute, field)
        if attribute.type == getattr(_KINDS, kind + "S"):
            return list(getattr(attribute, "type_protos" if field == "tp" else {"s": "strings", "f": "floats", "i": "ints", "t": "tensors", "g": "graphs"}[field]))
    raise ValueError(f"attribute '{attribute.name}' has no type")


def make_node(op_type, inputs, outputs, name=None, doc_string=None, domain=None, overload=None, **attributes):
    made = MESSAGES["NodeProto"](op_type=op_type, input=inputs, output=outputs, name=name, doc_string=doc_string, domain=domain, overload=overload)
    made.attribute.extend(make_attribute(key, value) for key, value in sorted(attributes.items()) if value is not None)
    return made


def make_tensor_type_proto(elem_type, shape, shape_denotation=None):
    made = MESSAGES["TypeProto"]()
    made.tensor_type.elem_type = elem_type
    if shape is None:
        return made
    made.tensor_type.shape.SetInParent()
    for dim in shape:
        added = made.tensor_type.shape.dim.add()
        if isinstance(dim, str):
            added.dim_param = dim
        elif dim is not None:
            added.dim_value = dim
    return made


def make_value_info(name, type_proto, doc_string=""):
    return MESSAGES["ValueInfoProto"](name=name, type=type_proto, doc_string=doc_string or None)


def make_tensor_value_info(name, elem_type, shape, doc_string="", shape_denotation=None):
    return make_value_info(name, make_tensor_type_proto(elem_type, shape), doc_string)


def make_tensor(name, data_type, dims, vals, raw=False):
    if raw:
        made = MESSAGES["TensorProto"](name=name, data_type=data_type, dims=dims)
        made.raw_data = vals
        return made
    if data_type == MESSAGES["TensorProto"].STRING:
        return from_array(numpy.array(vals, dtype=object).reshape(dims), name)
    return from_array(numpy.asarray(vals, TENSOR_TYPE_TO_NP_TYPE[data_type]).reshape(tuple(dims)), name)


def make_graph(nodes, name, inputs, outputs, initializer=None, doc_string=None, value_info=None, sparse_initializer=None):
    return MESSAGES["GraphProto"](node=nodes, name=name, input=inputs, output=outputs, initializer=initializer, doc_string=doc_string, value_info=value_info)


def make_opsetid(domain, version):
    return MESSAGES["OperatorSetIdProto"](domain=domain, version=version)


make_operatorsetid = make_opsetid


def make_model(graph, opset_imports=None, functions=None, ir_version=None, producer_name=None, producer_version=None, doc_string=None, **fields):
    return MESSAGES["ModelProto"](ir_version=ir_version or min(IR_VERSION, 10), graph=graph, opset_import=opset_imports or [make_opsetid("", 21)], functions=functions,
                                  producer_name=producer_name, producer_version=producer_version, doc_string=doc_string, **fields)


def np_dtype_to_tensor_dtype(np_dtype):
    return NP_TYPE_TO_TENSOR_TYPE[numpy.dtype(np_dtype)]


def tensor_dtype_to_np_dtype(tensor_dtype):
    return TENSOR_TYPE_TO_NP_TYPE[tensor_dtype]


def set_model_props(model, dict_value):
    del model.metadata_props[:]
    for key, value in dict_value.items():
        model.metadata_props.add(key=key, value=value)


def printable_graph(graph, prefix=""):
    lines = [f"{prefix}graph {graph.name} ("]
    lines += [f"{prefix}  %{info.name}" for info in graph.input] + [f"{prefix}) {{"]
    lines += [f"{prefix}  {', '.join('%' + name for name in node.output)} = {node.op_type}({', '.join('%' + name for name in node.input)})" for node in graph.node]
    return "\n".join(lines + [f"{prefix}  return {', '.join('%' + info.name for info in graph.output)}", prefix + "}"])
