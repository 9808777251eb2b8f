"""INetworkDefinition and OnnxParser: a network is a parsed ONNX model, whose inputs, outputs and layers can be looked at, renamed, re-typed and marked."""
import os

import _sinter
import sinter
from sinter.onnx_proto import DecodeError, MESSAGES, ModelProto

from ._add import Adders
from ._base import Dims, Scoped, Severity, Typed, check_logger
from ._enums import (OF_ONNX, OF_OPERATOR, OF_SINTER, TO_ONNX, DataType, ErrorCode, LayerType, NetworkDefinitionCreationFlag, TensorFormat, TensorLocation)
from ._layers import Writer


class ITensor:
    """A tensor of the model. Inputs can be renamed, and given another shape or type; outputs another type."""

    def __init__(self, network, name, layer=None):
        self._network, self._name, self._layer = network, name, layer
        self._range, self._wanted = None, None  # a layer's result that is to have another type
        self.location = TensorLocation.DEVICE
        self.allowed_formats = 1 << int(TensorFormat.LINEAR)

    @property
    def name(self):
        return self._name

    @name.setter
    def name(self, name):
        self._network._rename(self._name, str(name))

    @property
    def _info(self):
        return self._network._infos().get(self._name)

    # The name in nodes: a result of another type than its layer's has its own behind a Cast.
    _inner = property(lambda self: self._name + "_as_computed" if self._wanted is not None else self._name)

    @property
    def shape(self):
        info = self._info
        if info is None or not info.type.tensor_type.HasField("shape"):
            return Dims(self._network._types().get(self._name, (None, ()))[1] or ())
        return Dims(tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else -1 for dim in info.type.tensor_type.shape.dim))

    @shape.setter
    def shape(self, shape):
        if not self.is_network_input:
            raise ValueError(f"tensor '{self._name}': only inputs can be given a shape")
        self._network._set_shape(self._name, [dim.__index__() for dim in shape])

    @property
    def dtype(self):
        info = self._info
        if info is None or not info.type.HasField("tensor_type"):
            return OF_SINTER.get(self._network._types().get(self._name, ("f32", ()))[0], DataType.FLOAT)
        return OF_ONNX.get(info.type.tensor_type.elem_type, DataType.FLOAT)

    @dtype.setter
    def dtype(self, dtype):
        if self._layer is not None:
            self._wanted = DataType(dtype)
            self._network._touched()
        else:
            self._network._set_type(self._name, DataType(dtype))

    is_network_input = property(lambda self: any(info.name == self._name for info in self._network._inputs()))
    is_network_output = property(lambda self: any(info.name == self._name for info in self._network._graph.output))
    is_shape_tensor = property(lambda self: False)
    is_execution_tensor = property(lambda self: True)

    @property
    def dynamic_range(self):
        return self._range

    @dynamic_range.setter
    def dynamic_range(self, limits):
        self.set_dynamic_range(*limits)

    def set_dynamic_range(self, min, max):  # noqa: A002 - TensorRT's names
        if not float(min) < float(max):
            return False
        self._range = (float(min), float(max))
        return True

    def reset_dynamic_range(self):
        self._range = None

    def set_dimension_name(self, index, name):
        self._network._infos()[self._name].type.tensor_type.shape.dim[index].dim_param = name

    def get_dimension_name(self, index):
        info = self._info
        return info.type.tensor_type.shape.dim[index].dim_param if info is not None else ""

    def __repr__(self):
        return f"<ITensor '{self._name}' {self.dtype} {self.shape}>"


class ILayer(Typed):
    """A node of the model."""

    def __init__(self, network, node):
        self._network, self._node = network, node
        self._no_types()
        self.metadata = ""

    name = property(lambda self: self._node.name)

    @name.setter
    def name(self, name):
        self._node.name = str(name)
        self._network._changed = True

    type = property(lambda self: OF_OPERATOR.get(self._node.op_type, LayerType.PLUGIN_V2))
    num_inputs = property(lambda self: len(self._node.input))
    num_outputs = property(lambda self: len(self._node.output))

    def get_input(self, index):
        return self._network._tensor(self._node.input[index]) if self._node.input[index] else None

    def get_output(self, index):
        return self._network._tensor(self._node.output[index])

    def __repr__(self):
        return f"<ILayer '{self.name}' {self._node.op_type}>"


class INetworkDefinition(Adders, Scoped):
    """Filled by an OnnxParser, by the add functions, or by both: it is an ONNX model, which layers write themselves into."""

    def __init__(self, builder, flags):
        self.builder, self.flags, self.name, self.error_recorder = builder, flags, "", None
        self._model, self._path, self._changed = None, None, False
        self._tensors, self._layers = {}, None
        self._made, self._parsed, self._stale, self._known = [], (0, 0), False, None

    has_implicit_batch_dimension = False

    def get_flag(self, flag):
        return bool(self.flags >> int(flag) & 1)

    @property
    def _strongly_typed(self):
        flag = getattr(NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
        return "EXPLICIT_BATCH" not in NetworkDefinitionCreationFlag.__members__ or (flag is not None and self.get_flag(flag))

    @property
    def _graph(self):
        """The graph; nodes of layers in code may be out of date in it."""
        return self._model.graph if self._model is not None else MESSAGES["GraphProto"]()

    def _written(self):
        """The model, with all layers in it."""
        if self._stale:
            self._write()
        return self._model

    # ---- layers made in code ----

    def _touched(self):
        self._stale, self._changed, self._known = True, True, None

    def _write(self):
        """Puts the nodes of layers behind those that were parsed."""
        self._stale = False
        graph = self._model.graph
        del graph.node[self._parsed[0]:]
        del graph.initializer[self._parsed[1]:]
        writer = Writer(graph)
        try:
            for layer in self._made:
                layer.write(writer)
                for tensor in layer._outputs:
                    if tensor._wanted is not None:
                        graph.node.add(op_type="Cast", name=tensor.name + "_cast", input=[tensor._inner], output=[tensor.name]).attribute.add(name="to", i=TO_ONNX[tensor._wanted], type=2)
        except BaseException as error:
            self._stale = True
            if isinstance(error, (ValueError, TypeError, AttributeError, KeyError)):
                raise ValueError(f"layer '{layer.name}': {error}") from None
            raise

    def _begin(self):
        """The model that the first input or layer in code goes to."""
        if self._model is None:
            self._model = ModelProto(ir_version=10, producer_name="sinter", opset_import=[MESSAGES["OperatorSetIdProto"](domain="", version=20)])
            self._model.graph.name = self.name or "network"
            self._changed = True

    def _next_layer(self):
        self._begin()
        return self._parsed[0] + len(self._made)

    def _made_tensor(self, layer, name):
        self._tensors[name] = ITensor(self, name, layer)
        return self._tensors[name]

    def _add(self, layer):
        self._made.append(layer)
        self._touched()
        return layer

    def _types(self):
        """Element types and shapes of all values, as far as they can be inferred."""
        if self._known is None:
            from ._builder import model_file
            # What nothing reads yet is looked at as an output.
            outputs = self._graph.output
            count, marked = len(outputs), {info.name for info in outputs}
            for layer in self._made:
                for tensor in layer._outputs:
                    if tensor.name not in marked:
                        outputs.add(name=tensor.name)
            try:
                with model_file(self) as file:
                    self._known = sinter.value_types(file)
            except (_sinter.Error, ValueError) as error:
                self.builder.logger.log(Severity.ERROR, f"INetworkDefinition: Error Code 4: {error}")
                self._known = {}
            finally:
                del outputs[count:]
        return self._known

    def _inputs(self):
        graph = self._graph
        weights = {tensor.name for tensor in graph.initializer}
        return [info for info in graph.input if info.name not in weights]

    def _infos(self):
        graph = self._graph
        return {info.name: info for infos in (graph.value_info, graph.output, graph.input) for info in infos}

    def _tensor(self, name):
        if name not in self._tensors:
            self._tensors[name] = ITensor(self, name)
        return self._tensors[name]

    num_inputs = property(lambda self: len(self._inputs()))
    num_outputs = property(lambda self: len(self._graph.output))
    num_layers = property(lambda self: (self._parsed[0] if self._made else len(self._graph.node)) + len(self._made))

    def get_input(self, index):
        return self._tensor(_at(self._inputs(), index, "input").name)

    def get_output(self, index):
        return self._tensor(_at(self._graph.output, index, "output").name)

    def get_layer(self, index):
        parsed = self._parsed[0] if self._made else len(self._graph.node)
        if self._layers is None or len(self._layers) != parsed:
            self._layers = [ILayer(self, node) for node in self._graph.node[:parsed]]
        return _at(self._layers + self._made, index, "layer")

    def __len__(self):
        return self.num_layers

    def __bool__(self):
        return True

    def __getitem__(self, index):
        return self.get_layer(index)

    def __iter__(self):
        return (self.get_layer(index) for index in range(self.num_layers))

    def mark_output(self, tensor):
        if not isinstance(tensor, ITensor):
            raise TypeError(f"mark_output: found {type(tensor).__name__}, expected an ITensor")
        if tensor.is_network_output:
            return
        info = self._infos().get(tensor.name)
        made = self._graph.output.add(name=tensor.name)
        if info is not None:
            made.type.CopyFrom(info.type)
        self._changed = True

    def unmark_output(self, tensor):
        for index, info in enumerate(self._graph.output):
            if info.name == tensor.name:
                del self._graph.output[index]
                self._changed = True
                return

    def __getattr__(self, name):
        if name.startswith("add_"):
            raise NotImplementedError(f"INetworkDefinition.{name}: this layer can't be added in code here; write that part as an ONNX model and parse it")
        raise AttributeError(f"INetworkDefinition has no attribute '{name}'")

    # ---- changes ----

    def _rename(self, old, new):
        if new == old:
            return
        if not new or new in self._infos():
            raise ValueError(f"tensor '{old}': the name '{new}' is taken, or empty")
        made = self._tensors.get(old)
        if made is None or made._layer is None:
            _rename_in(self._graph, old, new)
        for info in (*self._graph.input, *self._graph.output, *self._graph.value_info):
            if info.name == old:
                info.name = new
        tensor = self._tensors.pop(old, None)
        if tensor is not None:
            tensor._name = new
            self._tensors[new] = tensor
        self._touch_made()

    def _touch_made(self):
        self._changed, self._known = True, None
        if self._made:
            self._stale = True

    def _set_shape(self, name, shape):
        info = self._infos()[name]
        dims = info.type.tensor_type.shape.dim
        if dims and len(dims) != len(shape):
            raise ValueError(f"input '{name}': found {len(shape)} dimensions, the model has {len(dims)}")
        while len(dims) < len(shape):
            dims.add()
        for axis, (dim, size) in enumerate(zip(dims, shape)):
            if size >= 0:
                dim.dim_value = size
            elif dim.HasField("dim_value"):
                dim.dim_param = f"{name}_d{axis}"
        # Shapes of other tensors follow from the inputs'; what the file says of them may be wrong now.
        del self._graph.value_info[:]
        for output in self._graph.output:
            for axis, dim in enumerate(output.type.tensor_type.shape.dim):
                dim.dim_param = f"{output.name}_d{axis}"
        self._touch_made()

    def _set_type(self, name, dtype):
        """Another type of an input or output: the model goes on with its own behind a Cast."""
        info = self._infos().get(name)
        tensor = self._tensor(name)
        if info is None or not (tensor.is_network_input or tensor.is_network_output) or dtype not in TO_ONNX:
            raise ValueError(f"tensor '{name}': only inputs and outputs can be given a type")
        if info.type.tensor_type.elem_type == TO_ONNX[dtype]:
            return
        if self._made:
            raise ValueError(f"tensor '{name}': set the types of a parsed model's inputs and outputs before layers are added in code")
        graph, inner = self._graph, name + "_as_in_the_model"
        _rename_in(graph, name, inner)
        cast = MESSAGES["NodeProto"](op_type="Cast", name=name + "_cast", input=[name], output=[inner])
        to = TO_ONNX[dtype]
        if tensor.is_network_input:
            to = info.type.tensor_type.elem_type
            graph.node.insert(0, cast)
        else:
            cast = MESSAGES["NodeProto"](op_type="Cast", name=name + "_cast", input=[inner], output=[name])
            graph.node.append(cast)
        for node in graph.node:
            if node.name == cast.name:
                node.attribute.add(name="to", i=to, type=2)
        info.type.tensor_type.elem_type = TO_ONNX[dtype]
        self._layers, self._parsed = None, (len(graph.node), len(graph.initializer))
        self._touch_made()


def _at(items, index, what):
    if not 0 <= index < len(items):
        raise IndexError(f"{what} {index} does not exist: the network has {len(items)}")
    return items[index]


def _rename_in(graph, old, new):
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
        for attribute in node.attribute:
            for body in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                _rename_in(body, old, new)


class ParserError:
    """What is wrong with a model."""

    def __init__(self, code, text, node_name="", operator=""):
        self._code, self._text, self._node_name, self._operator = code, text, node_name, operator

    def code(self):
        return self._code

    def desc(self):
        return self._text

    def node(self):
        return -1

    def node_name(self):
        return self._node_name

    def node_operator(self):
        return self._operator

    def file(self):
        return ""

    def line(self):
        return 0

    def func(self):
        return ""

    def local_function_stack(self):
        return []

    local_function_stack_size = lambda self: 0

    def __str__(self):
        where = f"In node '{self._node_name}' ({self._operator}): " if self._node_name or self._operator else ""
        return f"{where}{self._code.name}: {self._text}"

    __repr__ = __str__


class OnnxParser(Scoped):
    """Reads ONNX models into a network. Every problem of a model is an error, not only the first."""

    def __init__(self, network, logger):
        if not isinstance(network, INetworkDefinition):
            raise TypeError(f"OnnxParser: found {type(network).__name__}, expected an INetworkDefinition")
        self._network, self.logger = network, check_logger(logger, "OnnxParser")
        self._errors, self.flags, self._report = [], 1, []

    num_errors = property(lambda self: len(self._errors))

    def get_error(self, index):
        return _at(self._errors, index, "error")

    def clear_errors(self):
        self._errors = []

    def set_flag(self, flag):
        self.flags |= 1 << int(flag)

    def clear_flag(self, flag):
        self.flags &= ~(1 << int(flag))

    def get_flag(self, flag):
        return bool(self.flags >> int(flag) & 1)

    def parse(self, model, path=None):
        """Bytes of a model; path: where its external data is."""
        if hasattr(model, "SerializeToString"):
            model = model.SerializeToString()
        try:
            data = bytes(memoryview(model).cast("B"))
        except TypeError:
            raise TypeError(f"parse: found {type(model).__name__}, expected bytes") from None
        return self._take(data, os.fspath(path) if path is not None else None, True)

    def parse_from_file(self, path, verbosity=0):
        path = os.fspath(path)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            self._fail(ErrorCode.MODEL_DESERIALIZE_FAILED, f"could not open '{path}': {error.strerror}")
            return False
        return self._take(data, path, False)

    def _fail(self, code, text, **where):
        self._errors.append(ParserError(code, text, **where))
        self.logger.log(Severity.ERROR, str(self._errors[-1]))

    def _take(self, data, path, changed):
        if self._network._model is not None:
            self._fail(ErrorCode.INVALID_VALUE, "the network has a model already; make another network")
            return False
        try:
            model = ModelProto.FromString(data)
        except (DecodeError, ValueError, RecursionError) as error:
            self._fail(ErrorCode.MODEL_DESERIALIZE_FAILED, f"Failed to parse the ONNX model: {error}")
            return False
        if not model.HasField("graph"):
            self._fail(ErrorCode.MODEL_DESERIALIZE_FAILED, "Failed to parse the ONNX model: it has no graph")
            return False
        network = self._network
        network._model, network._path, network._changed = model, path, changed and not _same_file(path, data)
        from ._builder import model_file
        try:
            with model_file(network) as file:
                self._report = sinter.check(file)["problems"]
        except _sinter.Error as error:
            self._report = [{"message": str(error)}]
        for problem in self._report:
            if problem.get("warning"):
                continue
            node, operator = problem.get("node", ""), problem.get("operator", "")
            self._fail(ErrorCode.UNSUPPORTED_NODE if operator else ErrorCode.INVALID_GRAPH, problem.get("message", ""), node_name=node, operator=operator)
        for info in (*network._inputs(), *model.graph.output):
            kind = info.type.tensor_type.elem_type if info.type.HasField("tensor_type") else None
            if not self._errors and kind is not None and kind not in OF_ONNX:
                self._fail(ErrorCode.UNSUPPORTED_NODE_DATATYPE, f"'{info.name}' has elements of ONNX's type {kind}, which TensorRT's interface has no name for; use sinter's own")
        if self._errors:
            network._model = None
            return False
        network.name = network.name or model.graph.name
        network._parsed = (len(model.graph.node), len(model.graph.initializer))
        return True

    def supports_operator(self, op_name):
        return any(operator["name"] == op_name for operator in sinter.operators())

    def supports_model(self, model, path=None):
        """(True, [([node, ...], True)]) when all nodes are supported; else each node with whether it is."""
        network = INetworkDefinition(None, self._network.flags)
        parser = OnnxParser(network, self.logger)
        if parser.parse(model, path):
            return True, [(list(range(network.num_layers)), True)]
        return False, []

    def get_used_vc_plugin_libraries(self):
        return []


def _same_file(path, data):
    try:
        with open(path, "rb") as file:
            return file.read() == data
    except (OSError, TypeError):
        return False
