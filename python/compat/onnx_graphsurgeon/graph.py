"""Graphs and functions: lists of nodes between inputs and outputs, and what can be done to them."""
import contextlib
from collections import OrderedDict

import numpy as np

from .nodes import Node
from .tensors import Constant, OnnxGraphSurgeonException, Tensor, Variable

_OPSET = 11


class Graph:
    """Most methods change the graph in place and return it, so that they can be chained."""

    _registered = {}  # name -> opset or None -> function

    def __init__(self, nodes=None, inputs=None, outputs=None, name=None, doc_string=None, opset=None, import_domains=None, producer_name=None, producer_version=None,
                 functions=None, ir_version=None):
        self.nodes, self.inputs, self.outputs = list(nodes or []), list(inputs or []), list(outputs or [])
        self.name, self.doc_string = name or "onnx_graphsurgeon_graph", doc_string or ""
        self.opset = _OPSET if opset is None else opset
        self.import_domains, self.ir_version = import_domains, ir_version
        self.producer_name, self.producer_version = producer_name or "", producer_version or ""
        self.functions = list(functions or [])
        self._made = 0
        self._merge_import_domains()

    @classmethod
    def register(cls, opsets=None):
        """Decorator: a function of (graph, ...) becomes a method of graphs, of those opsets alone where they are given."""

        def add(function):
            known = Graph._registered.setdefault(function.__name__, {})
            for opset in opsets or [None]:
                known[opset] = function
            return function

        return add

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        known = Graph._registered.get(name)
        if known is not None:
            function = known.get(self.opset, known.get(None))
            if function is None:
                raise AttributeError(f"graph '{self.name}': the function '{name}' is registered for opsets {sorted(known)}, not for {self.opset}")
            return lambda *args, **keywords: function(self, *args, **keywords)
        for function in self.__dict__.get("functions", ()):
            if function.name == name:
                return lambda *args, inputs=None, outputs=None, **attrs: self.layer(op=name, domain=function.domain, inputs=inputs or list(args), attrs=attrs,
                                                                                    outputs=outputs or [f"{name}_out" for _ in function.outputs])
        raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}', and no function of that name is registered")

    def _merge_import_domains(self):
        known = {(function.domain, function.name) for function in self.functions}
        if len(known) != len(self.functions):
            raise OnnxGraphSurgeonException(f"graph '{self.name}': two functions have the same domain and name")

    # Looking.

    def _used(self):
        for node in self.nodes:
            yield from node.inputs
            yield from node.outputs
        yield from self.inputs
        yield from self.outputs

    def tensors(self, check_duplicates=False):
        """Name -> Tensor of the nodes, inputs and outputs of this graph."""
        found = OrderedDict()
        for tensor in self._used():
            if tensor.is_empty():
                continue
            if check_duplicates and tensor.name in found and found[tensor.name] is not tensor:
                raise OnnxGraphSurgeonException(f"graph '{self.name}': found two tensors named '{tensor.name}', expected names that differ; rename one\n{found[tensor.name]}\n{tensor}")
            found[tensor.name] = tensor
        return found

    def subgraphs(self, recursive=False):
        for node in self.nodes:
            yield from node.subgraphs(recursive)

    def _outer_tensors(self):
        """Tensors that this graph, or one inside it, reads and that neither makes."""
        made = {id(tensor) for node in self.nodes for tensor in node.outputs} | {id(tensor) for tensor in self.inputs}
        read = [tensor for node in self.nodes for tensor in node.inputs] + list(self.outputs)
        for inner in self.subgraphs():
            read += inner._outer_tensors()
        return [tensor for tensor in read if id(tensor) not in made and not tensor.is_empty()]

    @contextlib.contextmanager
    def node_ids(self):
        """Within it each node has a number, `node.id`."""
        for index, node in enumerate(self.nodes):
            node.id = index
        try:
            yield self
        finally:
            for node in self.nodes:
                node.__dict__.pop("id", None)

    def __eq__(self, other):
        return (isinstance(other, Graph) and self.opset == other.opset and list(self.nodes) == list(other.nodes) and list(self.inputs) == list(other.inputs) and
                list(self.outputs) == list(other.outputs))

    __hash__ = None

    def __str__(self):
        nodes = "\n".join(str(node) for node in self.nodes)
        return f"Graph {self.name} (Opset {self.opset})\nInputs: {self.inputs}\nNodes:\n{nodes}\nOutputs: {self.outputs}"

    __repr__ = __str__

    # Changing.

    def _name_for(self, prefix, names):
        while True:
            name = f"{prefix}_{self._made}"
            self._made += 1
            if name not in names:
                names.add(name)
                return name

    def layer(self, inputs=None, outputs=None, *args, **keywords):
        """Adds a Node: arrays and lists among inputs become Constants, texts new Variables. The list of its outputs."""
        names = set(self.tensors())
        tensors = {name: tensor for name, tensor in self.tensors().items()}

        def tensor_of(item, kind):
            if isinstance(item, Tensor):
                return item
            if isinstance(item, str):
                if item in tensors and kind == "input":
                    return tensors[item]
                return Variable(item if item not in names else self._name_for(item, names))
            if isinstance(item, np.ndarray):
                return Constant(self._name_for("onnx_graphsurgeon_constant", names), item)
            if isinstance(item, (int, float, bool, np.generic)):
                return Constant(self._name_for("onnx_graphsurgeon_constant", names), np.array(item, np.float32 if isinstance(item, float) else None))
            if isinstance(item, (list, tuple)) and all(isinstance(value, (int, float, bool, np.generic)) for value in item):
                array = np.array(item, np.float32) if any(isinstance(value, float) for value in item) else np.array(item)
                return Constant(self._name_for("onnx_graphsurgeon_lst_constant", names), array)
            raise OnnxGraphSurgeonException(f"layer: found {type(item).__name__} as {kind}, expected a Tensor, numbers, an array or a name")

        if "name" not in keywords and len(args) < 2:
            keywords["name"] = self._name_for("onnx_graphsurgeon_node", {node.name for node in self.nodes})
        node = Node(*args, **keywords, inputs=[tensor_of(item, "input") for item in inputs or []], outputs=[tensor_of(item, "output") for item in outputs or []])
        self.nodes.append(node)
        return list(node.outputs)

    def cleanup(self, remove_unused_node_outputs=False, recurse_subgraphs=True, remove_unused_graph_inputs=False, recurse_functions=True):
        """Removes what no output depends on."""
        if recurse_subgraphs:
            for inner in self.subgraphs():
                inner.cleanup(remove_unused_node_outputs, recurse_subgraphs, remove_unused_graph_inputs=False)
        if recurse_functions:
            for function in self.functions:
                function.cleanup(remove_unused_node_outputs, recurse_subgraphs, remove_unused_graph_inputs, recurse_functions=False)
        for tensor in self.inputs:  # what was made before it became an input is cut off
            tensor.inputs.clear()
        maker = {id(tensor): node for node in self.nodes for tensor in node.outputs}
        used_nodes, used_tensors, waiting = set(), {id(tensor) for tensor in self.outputs}, list(self.outputs)
        while waiting:
            node = maker.get(id(waiting.pop()))
            if node is None or id(node) in used_nodes:
                continue
            used_nodes.add(id(node))
            read = list(node.inputs)
            for inner in node.subgraphs():
                read += inner._outer_tensors()
            used_tensors.update(id(tensor) for tensor in read)
            waiting += read
        for node in self.nodes:
            if id(node) not in used_nodes:
                node.inputs.clear()
                node.outputs.clear()
            elif remove_unused_node_outputs:
                while node.outputs and id(node.outputs[-1]) not in used_tensors and not node.outputs[-1].is_empty():
                    node.outputs.pop()
        self.nodes = [node for node in self.nodes if id(node) in used_nodes]
        if remove_unused_graph_inputs:
            self.inputs = [tensor for tensor in self.inputs if id(tensor) in used_tensors]
        return self

    def toposort(self, recurse_subgraphs=True, recurse_functions=True, mode="full"):
        """Nodes after those whose tensors they read, otherwise in the order they have. A cycle is an error."""
        if mode not in ("full", "nodes", "functions"):
            raise OnnxGraphSurgeonException(f"toposort: found mode '{mode}', expected full, nodes or functions")
        if recurse_functions and mode != "nodes":
            for function in self.functions:
                function.toposort(recurse_subgraphs, recurse_functions=False)
        if mode == "functions":
            return self
        if recurse_subgraphs:
            for inner in self.subgraphs():
                inner.toposort(recurse_subgraphs, recurse_functions=False)
        maker = {id(tensor): index for index, node in enumerate(self.nodes) for tensor in node.outputs if not tensor.is_empty()}
        needs, readers = [], [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            read = list(node.inputs) + [tensor for inner in node.subgraphs() for tensor in inner._outer_tensors()]
            before = {maker[id(tensor)] for tensor in read if id(tensor) in maker}
            needs.append(len(before))
            for other in before:
                readers[other].append(index)
        import heapq
        ready, order = [index for index, count in enumerate(needs) if count == 0], []
        heapq.heapify(ready)
        while ready:
            index = heapq.heappop(ready)
            order.append(index)
            for other in readers[index]:
                needs[other] -= 1
                if needs[other] == 0:
                    heapq.heappush(ready, other)
        if len(order) != len(self.nodes):
            stuck = [node.name or node.op for index, node in enumerate(self.nodes) if needs[index] > 0]
            raise OnnxGraphSurgeonException(f"graph '{self.name}': found a cycle through {', '.join(repr(name) for name in stuck[:8])}, expected none; cut it")
        self.nodes = [self.nodes[index] for index in order]
        return self

    def fold_constants(self, fold_shapes=True, recurse_subgraphs=True, partitioning=None, error_ok=True, flatten_subgraphs=True, size_threshold=None, should_exclude_node=None,
                       recurse_functions=True):
        """Replaces what depends on constants alone by its values, which Sinter computes. Results of more than size_threshold bytes stay. Call cleanup() afterwards."""
        from .fold import fold
        if partitioning not in (None, "basic", "recursive"):
            raise OnnxGraphSurgeonException(f"fold_constants: found partitioning '{partitioning}', expected None, basic or recursive")
        fold(self, fold_shapes, error_ok, flatten_subgraphs, size_threshold, should_exclude_node)
        if recurse_subgraphs:
            for inner in self.subgraphs():
                inner.fold_constants(fold_shapes, True, partitioning, error_ok, flatten_subgraphs, size_threshold, should_exclude_node, False)
        if recurse_functions:
            for function in self.functions:
                function.fold_constants(fold_shapes, recurse_subgraphs, partitioning, error_ok, flatten_subgraphs, size_threshold, should_exclude_node, False)
        return self

    def copy(self, tensor_map=None):
        """Nodes and tensors of its own; the values of constants are shared. `tensor_map`: name -> Tensor of the graph around it."""
        tensors, copied = dict(tensor_map or {}), set()
        outer = {id(tensor) for tensor in self._outer_tensors() if not isinstance(tensor, Constant)}
        for tensor in list(self._used()):
            if not tensor.is_empty() and id(tensor) not in copied and (tensor.name not in tensors or id(tensor) not in outer):
                tensors[tensor.name] = tensor.copy()
                copied.add(id(tensor))

        def mapped(items):
            return [tensors[item.name] if not item.is_empty() else Variable.empty() for item in items]

        nodes = [node.copy(mapped(node.inputs), mapped(node.outputs), tensors) for node in self.nodes]
        return self._like(nodes, mapped(self.inputs), mapped(self.outputs))

    def _like(self, nodes, inputs, outputs):
        return Graph(nodes, inputs, outputs, self.name, self.doc_string, self.opset, self.import_domains, self.producer_name, self.producer_version,
                     [function.copy() for function in self.functions], self.ir_version)


class Function(Graph):
    """A local function of a model. Attributes of its nodes may be Node.AttributeRef."""

    def __init__(self, name, domain=None, nodes=None, inputs=None, outputs=None, doc_string=None, opset=None, import_domains=None, functions=None, attrs=None):
        self.domain, self.attrs = domain or "onnx_graphsurgeon", dict(attrs or {})
        super().__init__(nodes, inputs, outputs, name, doc_string, opset, import_domains, functions=None)
        self.functions = functions if functions is not None else []

    @property
    def unique_id(self):
        return self.domain, self.name

    def fold_constants(self, *args, **keywords):
        functions, self.functions = self.functions, []
        try:
            return super().fold_constants(*args, **keywords)
        finally:
            self.functions = functions

    def _like(self, nodes, inputs, outputs):
        return Function(self.name, self.domain, nodes, inputs, outputs, self.doc_string, self.opset, self.import_domains, None, self.attrs)
