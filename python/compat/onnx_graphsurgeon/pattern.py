"""Finding subgraphs by their form."""
from .tensors import Constant, OnnxGraphSurgeonException


class _PatternTensor:
    def __init__(self, kind, node=None, index=0):
        self.kind, self.node, self.index = kind, node, index  # "variable", "constant", "output"


class _PatternNode:
    def __init__(self, name, op, check, inputs, outputs):
        self.name, self.op, self.check, self.inputs = name, op, check, inputs
        self.outputs = [_PatternTensor("output", self, index) for index in range(outputs)]


class PatternMapping(dict):
    """Names of the pattern's nodes -> nodes of the graph (of a sub-pattern: its mapping); `inputs`, `outputs`, `constants`: the tensors at its ends."""

    def __init__(self):
        super().__init__()
        self.inputs, self.outputs, self.constants = [], [], []

    def get(self, name, default=None):
        return super().get(name, default)


class GraphPattern:
    """A pattern is built as a graph is: tensors of variable() and constant(), nodes of add(), ends of set_output_tensors()."""

    def __init__(self):
        self.nodes, self.input_tensors, self.constant_tensors, self.output_tensors = [], [], [], []

    def variable(self):
        self.input_tensors.append(_PatternTensor("variable"))
        return self.input_tensors[-1]

    def constant(self):
        self.constant_tensors.append(_PatternTensor("constant"))
        return self.constant_tensors[-1]

    def add(self, name, op, check_func=None, inputs=None, num_output_tensors=1):
        """A node of operator `op`, or a pattern in its place; the tensor it makes, or the list of them."""
        if any(node.name == name for node in self.nodes):
            raise OnnxGraphSurgeonException(f"pattern: found two nodes named '{name}', expected names that differ")
        node = _PatternNode(name, op, check_func, list(inputs or []), num_output_tensors)
        self.nodes.append(node)
        return node.outputs[0] if num_output_tensors == 1 else tuple(node.outputs)

    def set_output_tensors(self, tensors):
        self.output_tensors = list(tensors)

    def match_all(self, graph):
        """The mappings of every place where the pattern is, one a node that makes the first output."""
        if not self.output_tensors or any(tensor.node is None for tensor in self.output_tensors):
            raise OnnxGraphSurgeonException("pattern: found no output tensors that a node makes, expected some; call set_output_tensors([...])")
        found = []
        for node in graph.nodes:
            bound = self._match_end(node)
            if bound is not None:
                found.append(self._mapping(bound))
        return found

    # `bound`: id of a pattern's tensor or node -> what it stands for.
    def _match_end(self, node):
        first = self.output_tensors[0]
        bound = self._match_node(first.node, node, {})
        if bound is None:
            return None
        for tensor in self.output_tensors[1:]:
            if id(tensor.node) not in bound:
                bound = self._match_other_end(tensor.node, bound)
                if bound is None:
                    return None
        return bound

    def _match_other_end(self, pattern, bound):
        """Another end hangs on a tensor that is bound already."""
        for tensor in pattern.inputs:
            if id(tensor) not in bound:
                continue
            for reader in bound[id(tensor)].outputs:
                matched = self._match_node(pattern, reader, bound)
                if matched is not None:
                    return matched
        return None

    def _match_node(self, pattern, node, bound):
        if id(pattern) in bound:
            return bound if bound[id(pattern)] is node else None
        if isinstance(pattern.op, GraphPattern):
            return self._match_inner(pattern, node, bound)
        if node.op != pattern.op or len(node.inputs) != len(pattern.inputs) or len(node.outputs) < len(pattern.outputs) or (pattern.check and not pattern.check(node)):
            return None
        if any(other is node for key, other in bound.items()):
            return None
        bound = {**bound, id(pattern): node}
        for wanted, tensor in zip(pattern.outputs, node.outputs):
            bound[id(wanted)] = tensor
        return self._match_inputs(pattern.inputs, node.inputs, bound)

    def _match_inner(self, pattern, node, bound):
        inner = pattern.op._match_end(node)
        if inner is None:
            return None
        mapping = pattern.op._mapping(inner)
        if pattern.check and not pattern.check(mapping):
            return None
        bound = {**bound, id(pattern): mapping}
        for wanted, tensor in zip(pattern.outputs, mapping.outputs):
            bound[id(wanted)] = tensor
        return self._match_inputs(pattern.inputs, mapping.inputs, bound)

    def _match_inputs(self, wanted, tensors, bound):
        if len(wanted) != len(tensors):
            return None
        for want, tensor in zip(wanted, tensors):
            if id(want) in bound:
                if bound[id(want)] is not tensor:
                    return None
                continue
            if want.kind == "constant" and not isinstance(tensor, Constant):
                return None
            if want.kind == "output":
                if len(tensor.inputs) != 1 or want.index >= len(tensor.inputs[0].outputs):
                    return None
                if not isinstance(want.node.op, GraphPattern) and tensor.inputs[0].outputs[want.index] is not tensor:
                    return None
                bound = self._match_node(want.node, tensor.inputs[0], bound)
                if bound is None or bound.get(id(want)) is not tensor:
                    return None
            else:
                bound = {**bound, id(want): tensor}
        return bound

    def _mapping(self, bound):
        mapping = PatternMapping()
        for node in self.nodes:
            if id(node) in bound:
                mapping[node.name] = bound[id(node)]
        mapping.inputs = [bound[id(tensor)] for tensor in self.input_tensors if id(tensor) in bound]
        mapping.constants = [bound[id(tensor)] for tensor in self.constant_tensors if id(tensor) in bound]
        mapping.outputs = [bound[id(tensor)] for tensor in self.output_tensors]
        return mapping
