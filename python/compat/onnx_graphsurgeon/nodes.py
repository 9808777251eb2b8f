"""Nodes of a graph."""
from collections import OrderedDict

import numpy as np

from .tensors import Linked, LinkedList, OnnxGraphSurgeonException, Tensor


class Node(Linked):
    """An operator: `op`, `name`, `attrs` (numbers, texts, lists, arrays, Graphs, Tensors), `inputs`, `outputs`, `domain`."""

    class AttributeRef:
        """An attribute of the function that a node is in."""

        def __init__(self, name, type):  # noqa: A002 - the package's name
            self.name, self.type = name, type

        def __eq__(self, other):
            return isinstance(other, Node.AttributeRef) and (self.name, self.type) == (other.name, other.type)

    def __init__(self, op, name=None, attrs=None, inputs=None, outputs=None, domain=None):
        self.op, self.name, self.domain = op, name or "", domain
        self.attrs = OrderedDict(attrs or {})
        self._start(inputs, outputs)

    @staticmethod
    def linked_kind():
        return Tensor

    def i(self, tensor_idx=0, producer_idx=0):
        """The node that makes an input."""
        return self.inputs[tensor_idx].inputs[producer_idx]

    def o(self, consumer_idx=0, tensor_idx=0):
        """A node that reads an output."""
        return self.outputs[tensor_idx].outputs[consumer_idx]

    @property
    def attributes(self):
        return self.attrs

    def subgraphs(self, recursive=False):
        from .graph import Graph
        for value in self.attrs.values():
            for item in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(item, Graph):
                    yield item
                    if recursive:
                        yield from item.subgraphs(recursive=True)

    def copy(self, inputs=None, outputs=None, tensor_map=None):
        """Shares tensors, or takes those that are given; subgraphs are copied."""
        from .graph import Graph
        attrs = OrderedDict()
        for name, value in self.attrs.items():
            attrs[name] = value.copy(tensor_map) if isinstance(value, Graph) else list(value) if isinstance(value, list) else value
        return Node(self.op, self.name, attrs, self.inputs if inputs is None else inputs, self.outputs if outputs is None else outputs, self.domain)

    def __setattr__(self, name, value):
        if name in ("_inputs", "_outputs") and not isinstance(value, LinkedList):
            raise OnnxGraphSurgeonException(f"node '{self.name}': {name} is kept by the node itself; set inputs or outputs")
        object.__setattr__(self, name, value)

    def __eq__(self, other):
        if not isinstance(other, Node):
            return False
        return (self.op == other.op and self.name == other.name and (self.domain or "") == (other.domain or "") and _same_attrs(self.attrs, other.attrs) and
                list(self.inputs) == list(other.inputs) and list(self.outputs) == list(other.outputs))

    __hash__ = None

    def __str__(self):
        attrs = f"\nAttributes: {dict(self.attrs)}" if self.attrs else ""
        domain = f" of {self.domain}" if self.domain else ""
        return f"{self.name} ({self.op}{domain})\n\tInputs: {[x.name for x in self.inputs]}\n\tOutputs: {[x.name for x in self.outputs]}" + attrs

    __repr__ = __str__


def _same(a, b):
    if isinstance(a, Tensor) and hasattr(a, "values") and isinstance(b, Tensor) and hasattr(b, "values"):
        return np.array_equal(a.values, b.values)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return a == b


def _same_attrs(a, b):
    return a.keys() == b.keys() and all(_same(value, b[name]) for name, value in a.items())
