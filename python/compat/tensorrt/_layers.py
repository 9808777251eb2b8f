"""Layers that a network is given in code: each holds its attributes and writes itself as ONNX nodes when the network is built or asked for shapes."""
import numpy

from ._base import Typed, Weights
from ._enums import (AT_MOST_8, TO_ONNX, ActivationType, DataType, ElementWiseOperation, InterpolationMode, LayerType, MatrixOperation, PaddingMode, PoolingType,
                     ReduceOperation, ResizeCoordinateTransformation, SampleMode, ScaleMode, TopKOperation, UnaryOperation)


def _array(weights, what):
    """An array of weights given as Weights or an array; None without any."""
    if weights is None:
        return None
    array = weights.numpy() if isinstance(weights, Weights) else numpy.asarray(weights)
    if array.size == 0:
        return None
    if array.dtype.name not in ("float32", "float16", "int8", "uint8", "int32", "int64", "bool"):
        raise TypeError(f"{what}: found elements of {array.dtype}, expected float32, float16, int8, uint8, int32, int64 or bool")
    return array


def _dims(value):
    return [dim.__index__() for dim in value]


def _axes(mask):
    return [axis for axis in range(32) if mask >> axis & 1]


class Writer:
    """Where layers write their nodes."""

    def __init__(self, graph):
        self._graph, self._count = graph, 0

    def _fresh(self, name):
        self._count += 1
        return f"{name}_inner_{self._count}"

    def constant(self, layer, values, dtype=None):
        array = numpy.ascontiguousarray(values, dtype=dtype) if dtype is not None else numpy.ascontiguousarray(values)
        kinds = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10}
        name = self._fresh(layer.name)
        self._graph.initializer.add(name=name, data_type=kinds[array.dtype.name], dims=numpy.shape(values), raw_data=array.tobytes())
        return name

    def node(self, layer, operator, inputs, outputs=None, **attributes):
        """outputs: names, or None for one of its own, which is returned."""
        made = [self._fresh(layer.name)] if outputs is None else outputs
        node = self._graph.node.add(op_type=operator, input=inputs, output=made, name=layer.name if outputs is not None else made[0])
        for key, value in attributes.items():
            if value is None:
                continue
            attribute = node.attribute.add(name=key)
            if isinstance(value, float):
                attribute.f, attribute.type = value, 1
            elif isinstance(value, str):
                attribute.s, attribute.type = value.encode(), 3
            elif isinstance(value, list):
                attribute.ints.extend(value)
                attribute.type = 7
            else:
                attribute.i, attribute.type = int(value), 2
        return made[0]


class Layer(Typed):
    """The base: inputs, outputs, name, and the attributes that a subclass takes."""

    _kind, _outputs_count = LayerType.IDENTITY, 1

    def __init__(self, network, inputs, **attributes):
        self._network, self._inputs = network, list(inputs)
        index = network._next_layer()
        self._name, self.metadata = f"(Unnamed Layer* {index}) [{self._kind.name.title().replace('_', '')}]", ""
        self._no_types()
        self.__dict__.update(attributes)
        self._outputs = [network._made_tensor(self, f"{self._name}_output{'_' + str(i) if i else ''}") for i in range(self._outputs_count)]

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        network = self.__dict__.get("_network")
        if network is not None:
            network._touched()

    type = property(lambda self: self._kind)
    num_inputs = property(lambda self: len(self._inputs))
    num_outputs = property(lambda self: len(self._outputs))

    @property
    def name(self):
        return self._name

    @name.setter
    def name(self, name):
        self._name = str(name)

    def get_input(self, index):
        return self._inputs[index] if 0 <= index < len(self._inputs) else None

    def set_input(self, index, tensor):
        while len(self._inputs) <= index:
            self._inputs.append(None)
        self._inputs[index] = tensor
        self._network._touched()

    def get_output(self, index):
        if not 0 <= index < len(self._outputs):
            return None
        return self._outputs[index]

    def _names(self):
        return [tensor._inner if tensor is not None else "" for tensor in self._inputs]

    def _results(self):
        return [tensor._inner for tensor in self._outputs]

    # Ranks follow from the layers, so that writing a network does not ask for its shapes.

    def _rank(self, index=0):
        tensor = self._inputs[index]
        return tensor._layer._result_rank() if tensor._layer is not None else len(tensor.shape)

    def _result_rank(self):
        return self._rank()

    def write(self, out):
        raise NotImplementedError

    def __repr__(self):
        return f"<{type(self).__name__} '{self._name}'>"


class _Window(Layer):
    """What slides: strides, paddings, dilations."""

    def _window(self, rank):
        one = lambda value, default: _dims(value) if value is not None else [default] * rank
        before = one(self.pre_padding if self.pre_padding is not None else self.padding_nd, 0)
        after = one(self.post_padding if self.post_padding is not None else self.padding_nd, 0)
        same = {PaddingMode.SAME_UPPER: "SAME_UPPER", PaddingMode.SAME_LOWER: "SAME_LOWER"}.get(self.padding_mode)
        return {"strides": one(self.stride_nd, 1), "auto_pad": same, "pads": None if same else before + after}

    if AT_MOST_8:
        stride = property(lambda self: self.stride_nd, lambda self, value: setattr(self, "stride_nd", value))
        padding = property(lambda self: self.padding_nd, lambda self, value: setattr(self, "padding_nd", value))


class Convolution(_Window):
    _kind = LayerType.CONVOLUTION

    def write(self, out):
        kernel, window = _array(self.kernel, "kernel"), _dims(self.kernel_size_nd)
        names = self._names()
        if len(names) < 2:
            transposed = self._kind == LayerType.DECONVOLUTION
            if kernel is None:
                raise ValueError(f"layer '{self.name}': it has no kernel")
            shape = [-1, self.num_output_maps // self.num_groups, *window] if transposed else [self.num_output_maps, -1, *window]
            names.append(out.constant(self, kernel.reshape(shape)))
        bias = _array(self.bias, "bias")
        if len(names) < 3 and bias is not None:
            names.append(out.constant(self, bias))
        dilations = _dims(self.dilation_nd) if self.dilation_nd is not None else [1] * len(window)
        out.node(self, "ConvTranspose" if self._kind == LayerType.DECONVOLUTION else "Conv", names, self._results(), kernel_shape=window, group=self.num_groups, dilations=dilations, **self._window(len(window)))


class Deconvolution(Convolution):
    _kind = LayerType.DECONVOLUTION


class Pooling(_Window):
    _kind = LayerType.POOLING

    def write(self, out):
        window = _dims(self.window_size_nd)
        how = self._window(len(window))
        if self.stride_nd is None:
            how["strides"] = [1] * len(window)
        if self.pooling_type == PoolingType.MAX_AVERAGE_BLEND:
            raise ValueError(f"layer '{self.name}': MAX_AVERAGE_BLEND is not supported")
        average = self.pooling_type == PoolingType.AVERAGE
        out.node(self, "AveragePool" if average else "MaxPool", self._names(), self._results(), kernel_shape=window,
                 ceil_mode=int(self.padding_mode == PaddingMode.EXPLICIT_ROUND_UP), count_include_pad=int(not self.average_count_excludes_padding) if average else None, **how)


class Activation(Layer):
    _kind = LayerType.ACTIVATION
    _OPERATORS = {ActivationType.RELU: "Relu", ActivationType.SIGMOID: "Sigmoid", ActivationType.TANH: "Tanh", ActivationType.LEAKY_RELU: "LeakyRelu", ActivationType.ELU: "Elu",
                  ActivationType.SELU: "Selu", ActivationType.SOFTSIGN: "Softsign", ActivationType.SOFTPLUS: "Softplus", ActivationType.HARD_SIGMOID: "HardSigmoid",
                  ActivationType.THRESHOLDED_RELU: "ThresholdedRelu", ActivationType.GELU_ERF: "Gelu", ActivationType.GELU_TANH: "Gelu"}

    def write(self, out):
        kind, names = self.activation_type, self._names()
        if kind == ActivationType.CLIP:
            out.node(self, "Clip", names + [out.constant(self, numpy.float32(self.alpha)), out.constant(self, numpy.float32(self.beta))], self._results())
        elif kind == ActivationType.SCALED_TANH:
            inner = out.node(self, "Tanh", [out.node(self, "Mul", names + [out.constant(self, numpy.float32(self.beta))])])
            out.node(self, "Mul", [inner, out.constant(self, numpy.float32(self.alpha))], self._results())
        else:
            takes_alpha = kind in (ActivationType.LEAKY_RELU, ActivationType.ELU, ActivationType.SELU, ActivationType.HARD_SIGMOID, ActivationType.THRESHOLDED_RELU)
            out.node(self, self._OPERATORS[kind], names, self._results(), alpha=float(self.alpha) if takes_alpha else None,
                     beta=float(self.beta) if kind == ActivationType.HARD_SIGMOID else None, gamma=float(self.beta) if kind == ActivationType.SELU else None,
                     approximate="tanh" if kind == ActivationType.GELU_TANH else None)


class Scale(Layer):
    _kind = LayerType.SCALE

    def write(self, out):
        rank, value = self._rank(), self._names()[0]
        for operator, weights in (("Mul", self.scale), ("Add", self.shift), ("Pow", self.power)):
            array = _array(weights, operator)
            if array is None:
                continue
            if self.mode == ScaleMode.CHANNEL:
                array = array.reshape([-1] + [1] * (rank - self.channel_axis - 1))
            elif self.mode == ScaleMode.ELEMENTWISE:
                array = array.reshape(self.extent[self.channel_axis:])
            else:
                array = array.reshape(())
            value = out.node(self, operator, [value, out.constant(self, array)])
        out.node(self, "Identity", [value], self._results())


class ElementWise(Layer):
    _kind = LayerType.ELEMENTWISE
    _OPERATORS = {ElementWiseOperation.SUM: "Add", ElementWiseOperation.PROD: "Mul", ElementWiseOperation.MAX: "Max", ElementWiseOperation.MIN: "Min",
                  ElementWiseOperation.SUB: "Sub", ElementWiseOperation.DIV: "Div", ElementWiseOperation.POW: "Pow", ElementWiseOperation.AND: "And",
                  ElementWiseOperation.OR: "Or", ElementWiseOperation.XOR: "Xor", ElementWiseOperation.EQUAL: "Equal", ElementWiseOperation.GREATER: "Greater",
                  ElementWiseOperation.LESS: "Less"}

    def write(self, out):
        if self.op != ElementWiseOperation.FLOOR_DIV:
            out.node(self, self._OPERATORS[self.op], self._names(), self._results())
        else:
            quotient = self._names()
            if self.whole:  # whole numbers are rounded towards zero by Div
                first, second = quotient
                remainder = out.node(self, "Mod", [first, second])
                out.node(self, "Div", [out.node(self, "Sub", [first, remainder]), second], self._results())
            else:
                out.node(self, "Floor", [out.node(self, "Div", quotient)], self._results())

    def _result_rank(self):
        return max(self._rank(0), self._rank(1))


class Unary(Layer):
    _kind = LayerType.UNARY
    _OPERATORS = dict(zip(UnaryOperation, "Exp Log Sqrt Reciprocal Abs Neg Sin Cos Tan Sinh Cosh Asin Acos Atan Asinh Acosh Atanh Ceil Floor Erf Not Sign Round IsInf IsNaN".split()))

    def write(self, out):
        out.node(self, self._OPERATORS[self.op], self._names(), self._results())


class Plain(Layer):
    """One node of an operator, with what attributes() says."""

    def write(self, out):
        out.node(self, self._operator, self._names(), self._results(), **self._attributes())

    def _attributes(self):
        return {}


class Concatenation(Plain):
    _kind, _operator = LayerType.CONCATENATION, "Concat"

    def _attributes(self):
        # What is not set is the channels' axis: the third from the end.
        return {"axis": self.axis if self.axis is not None else max(self._rank() - 3, 0)}


class SoftMax(Plain):
    _kind, _operator = LayerType.SOFTMAX, "Softmax"

    def _attributes(self):
        axes = _axes(self.axes) if self.axes is not None else [max(self._rank() - 3, 0)]
        if len(axes) != 1:
            raise ValueError(f"layer '{self.name}': softmax over {len(axes)} axes, expected one")
        return {"axis": axes[0]}


class Identity(Plain):
    _kind, _operator = LayerType.IDENTITY, "Identity"


class Shape(Plain):
    _kind, _operator = LayerType.SHAPE, "Shape"

    def _result_rank(self):
        return 1


class Select(Plain):
    _kind, _operator = LayerType.SELECT, "Where"


class NonZero(Plain):
    _kind, _operator = LayerType.NON_ZERO, "NonZero"

    def _result_rank(self):
        return 2


class Einsum(Plain):
    _kind, _operator = LayerType.EINSUM, "Einsum"

    def _attributes(self):
        return {"equation": self.equation}

    def _result_rank(self):
        return len(self.equation.partition("->")[2].replace(" ", "")) if "->" in self.equation else len(self.get_output(0).shape)


class ParametricReLU(Plain):
    _kind, _operator = LayerType.PARAMETRIC_RELU, "PRelu"


class Cast(Plain):
    _kind, _operator = LayerType.CAST, "Cast"

    def _attributes(self):
        return {"to": TO_ONNX[DataType(self.to_type)]}


class Gather(Plain):
    _kind, _operator = LayerType.GATHER, "Gather"

    def write(self, out):
        if int(self.mode) == 2:
            out.node(self, "GatherND", self._names(), self._results(), batch_dims=self.num_elementwise_dims)
        else:
            out.node(self, "GatherElements" if int(self.mode) == 1 else "Gather", self._names(), self._results(), axis=self.axis)

    def _result_rank(self):
        return self._rank(0) if int(self.mode) == 1 else self._rank(0) + self._rank(1) - 1


class Constant(Layer):
    _kind = LayerType.CONSTANT

    def write(self, out):
        array = _array(self.weights, "weights")
        array = numpy.zeros(self.shape, numpy.float32) if array is None else array.reshape(_dims(self.shape))
        out.node(self, "Identity", [out.constant(self, array)], self._results())

    def _result_rank(self):
        return len(self.shape)


class Shuffle(Layer):
    _kind = LayerType.SHUFFLE

    def write(self, out):
        value = self._names()[0]
        if self.first_transpose is not None:
            value = out.node(self, "Transpose", [value], perm=_dims(self.first_transpose))
        if len(self._inputs) > 1:
            value = out.node(self, "Reshape", [value, out.node(self, "Cast", [self._names()[1]], to=7)], allowzero=int(not self.zero_is_placeholder))
        elif self.reshape_dims is not None:
            value = out.node(self, "Reshape", [value, out.constant(self, _dims(self.reshape_dims), numpy.int64)], allowzero=int(not self.zero_is_placeholder))
        if self.second_transpose is not None:
            value = out.node(self, "Transpose", [value], perm=_dims(self.second_transpose))
        out.node(self, "Identity", [value], self._results())

    def _result_rank(self):
        if len(self._inputs) > 1:
            return len(self.get_output(0).shape)
        return len(self.reshape_dims) if self.reshape_dims is not None else self._rank()


class Slice(Layer):
    _kind = LayerType.SLICE

    def write(self, out):
        if len(self._inputs) > 1 or self.mode not in (SampleMode.STRICT_BOUNDS,):
            raise ValueError(f"layer '{self.name}': slices with tensors for their bounds, or beyond the input, are not supported; parse an ONNX model for them")
        start, size, stride = _dims(self.start), _dims(self.shape), _dims(self.stride)
        # One past the last element; before the first one for negative strides.
        ends = [s + (n - 1) * d + (1 if d > 0 else -1) for s, n, d in zip(start, size, stride)]
        ends = [end if end >= 0 else -(1 << 62) for end in ends]
        constants = [out.constant(self, values, numpy.int64) for values in (start, ends, list(range(len(start))), stride)]
        out.node(self, "Slice", [self._names()[0], *constants], self._results())


class Reduce(Layer):
    _kind = LayerType.REDUCE
    _OPERATORS = dict(zip(ReduceOperation, "ReduceSum ReduceProd ReduceMax ReduceMin ReduceMean".split()))

    def write(self, out):
        out.node(self, self._OPERATORS[self.op], [self._names()[0], out.constant(self, _axes(self.axes), numpy.int64)], self._results(), keepdims=int(self.keep_dims))

    def _result_rank(self):
        return self._rank() if self.keep_dims else self._rank() - len(_axes(self.axes))


class TopK(Layer):
    _kind, _outputs_count = LayerType.TOPK, 2

    def write(self, out):
        axes = _axes(self.axes)
        if len(axes) != 1:
            raise ValueError(f"layer '{self.name}': the best of {len(axes)} axes, expected one")
        count = out.node(self, "Reshape", [out.node(self, "Cast", [self._names()[1]], to=7), out.constant(self, [1], numpy.int64)]) if len(self._inputs) > 1 else out.constant(self, [self.k], numpy.int64)
        values, indices = self._results()
        inner = out._fresh(self.name)
        out.node(self, "TopK", [self._names()[0], count], [values, inner], axis=axes[0], largest=int(self.op == TopKOperation.MAX), sorted=1)
        out.node(self, "Cast", [inner], [indices], to=6)


class MatrixMultiply(Layer):
    _kind = LayerType.MATRIX_MULTIPLY

    def write(self, out):
        names = []
        for index, (name, operation) in enumerate(zip(self._names(), (self.op0, self.op1))):
            rank = self._rank(index)
            if operation == MatrixOperation.TRANSPOSE:
                name = out.node(self, "Transpose", [name], perm=[*range(rank - 2), rank - 1, rank - 2])
            elif operation == MatrixOperation.VECTOR:
                name = out.node(self, "Unsqueeze", [name, out.constant(self, [rank - 1 if index == 0 else rank], numpy.int64)]) if rank > 1 else name
            names.append(name)
        if MatrixOperation.VECTOR in (self.op0, self.op1) and any(self._rank(i) > 1 and op == MatrixOperation.VECTOR for i, op in enumerate((self.op0, self.op1))):
            first = self.op0 == MatrixOperation.VECTOR and self._rank(0) > 1
            second = self.op1 == MatrixOperation.VECTOR and self._rank(1) > 1
            axes = ([-2] if first else []) + ([-1] if second else [])
            out.node(self, "Squeeze", [out.node(self, "MatMul", names), out.constant(self, axes, numpy.int64)], self._results())
            return
        out.node(self, "MatMul", names, self._results())

    def _result_rank(self):
        return max(self._rank(0), self._rank(1)) - (self.op0 == MatrixOperation.VECTOR) - (self.op1 == MatrixOperation.VECTOR)


class FullyConnected(Layer):
    """8.x: the last three dimensions as one, times the kernel."""

    _kind = LayerType.MATRIX_MULTIPLY

    def write(self, out):
        flat = out.node(self, "Flatten", [self._names()[0]], axis=max(self._rank() - 3, 1))
        kernel = _array(self.kernel, "kernel").reshape(self.num_output_channels, -1)
        bias = _array(self.bias, "bias")
        value = out.node(self, "Gemm", [flat, out.constant(self, kernel)] + ([out.constant(self, bias)] if bias is not None else []), transB=1)
        shape = out.constant(self, [0, self.num_output_channels, 1, 1] if self._rank() >= 4 else [0, self.num_output_channels], numpy.int64)
        out.node(self, "Reshape", [value, shape], self._results())


class Resize(Layer):
    _kind = LayerType.RESIZE

    def write(self, out):
        mode = {InterpolationMode.NEAREST: "nearest", InterpolationMode.LINEAR: "linear", InterpolationMode.CUBIC: "cubic"}[self.resize_mode]
        how = {ResizeCoordinateTransformation.ALIGN_CORNERS: "align_corners", ResizeCoordinateTransformation.ASYMMETRIC: "asymmetric",
               ResizeCoordinateTransformation.HALF_PIXEL: "half_pixel"}[self.coordinate_transformation]
        rounding = "round_prefer_ceil round_prefer_floor floor ceil".split()[int(self.nearest_rounding)]
        names = [self._names()[0], ""]
        if self.shape is not None:
            names += ["", out.constant(self, _dims(self.shape), numpy.int64)]
        elif self.scales is not None:
            names += [out.constant(self, list(map(float, self.scales)), numpy.float32)]
        else:
            raise ValueError(f"layer '{self.name}': set its shape or its scales")
        out.node(self, "Resize", names, self._results(), mode=mode, coordinate_transformation_mode=how, nearest_mode=rounding if mode == "nearest" else None,
                 cubic_coeff_a=float(self.cubic_coeff) if mode == "cubic" else None, exclude_outside=int(bool(self.exclude_outside)) if mode == "cubic" else None)


class Padding(Layer):
    _kind = LayerType.PADDING

    def write(self, out):
        before, after, rank = _dims(self.pre_padding_nd), _dims(self.post_padding_nd), self._rank()
        pads = [0] * (rank - len(before)) + before + [0] * (rank - len(after)) + after
        if any(pad < 0 for pad in pads):
            raise ValueError(f"layer '{self.name}': negative paddings are not supported; use a slice")
        out.node(self, "Pad", [self._names()[0], out.constant(self, pads, numpy.int64)], self._results())


class Quantize(Layer):
    _kind, _operator = LayerType.QUANTIZE, "QuantizeLinear"

    def write(self, out):
        if self._operator == "QuantizeLinear" and self.output_type != DataType.INT8:
            raise ValueError(f"layer '{self.name}': found {self.output_type}, expected INT8")
        out.node(self, self._operator, self._names()[:2] + [out.constant(self, numpy.zeros(self.scales, numpy.int8))], self._results(), axis=self.axis if self.scales else None)


class Dequantize(Quantize):
    _kind, _operator = LayerType.DEQUANTIZE, "DequantizeLinear"


class Axes(Layer):
    """Squeeze and unsqueeze: the axes are a tensor."""

    def write(self, out):
        first, axes = self._names()
        out.node(self, self._operator, [first, out.node(self, "Cast", [axes], to=7)], self._results())

    def _result_rank(self):
        return len(self.get_output(0).shape)


class Squeeze(Axes):
    _kind, _operator = LayerType.SQUEEZE, "Squeeze"


class Unsqueeze(Axes):
    _kind, _operator = LayerType.UNSQUEEZE, "Unsqueeze"


class Normalization(Layer):
    _kind = LayerType.NORMALIZATION

    def write(self, out):
        axes = _axes(self.axes)
        names = self._names()
        mean = out.node(self, "ReduceMean", [names[0], out.constant(self, axes, numpy.int64)])
        centred = out.node(self, "Sub", [names[0], mean])
        variance = out.node(self, "ReduceMean", [out.node(self, "Mul", [centred, centred]), out.constant(self, axes, numpy.int64)])
        deviation = out.node(self, "Sqrt", [out.node(self, "Add", [variance, out.constant(self, numpy.float32(self.epsilon))])])
        scaled = out.node(self, "Mul", [out.node(self, "Div", [centred, deviation]), names[1]])
        out.node(self, "Add", [scaled, names[2]], self._results())


