"""The add functions of INetworkDefinition."""
from sinter.onnx_proto import MESSAGES

from . import _layers as layers
from ._base import Dims
from ._enums import (AT_MOST_8, FROM_10, TO_ONNX, DataType, GatherMode, InterpolationMode, PaddingMode, ResizeCoordinateTransformation, SampleMode, ScaleMode)

_WINDOW = {"stride_nd": None, "padding_nd": None, "pre_padding": None, "post_padding": None, "dilation_nd": None, "padding_mode": PaddingMode.EXPLICIT_ROUND_DOWN}


def _check(*tensors):
    from ._network import ITensor
    for tensor in tensors:
        if not isinstance(tensor, ITensor):
            raise TypeError(f"found {type(tensor).__name__} for an input of a layer, expected an ITensor")
    return tensors


class Adders:
    """Layers in code. Each returns its layer, whose attributes can be set until the build; tensors are inputs' and get_output()'s."""

    def add_input(self, name, dtype, shape):
        self._begin()
        if not isinstance(name, str) or not name or name in self._infos():
            raise ValueError(f"add_input: the name {name!r} is taken, empty or no str")
        info = MESSAGES["ValueInfoProto"](name=name)
        info.type.tensor_type.elem_type = TO_ONNX[DataType(dtype)]
        info.type.tensor_type.shape.SetInParent()
        for axis, size in enumerate(Dims(shape)):
            dim = info.type.tensor_type.shape.dim.add()
            if size >= 0:
                dim.dim_value = size
            else:
                dim.dim_param = f"{name}_d{axis}"
        self._model.graph.input.append(info)
        self._touched()
        return self._tensor(name)

    def add_constant(self, shape, weights):
        return self._add(layers.Constant(self, [], shape=Dims(shape), weights=weights))

    def add_convolution_nd(self, input, num_output_maps, kernel_shape, kernel, bias=None):  # noqa: A002 - TensorRT's names
        return self._add(layers.Convolution(self, _check(input), num_output_maps=num_output_maps, kernel_size_nd=Dims(kernel_shape), kernel=kernel, bias=bias, num_groups=1, **_WINDOW))

    def add_deconvolution_nd(self, input, num_output_maps, kernel_shape, kernel, bias=None):  # noqa: A002
        return self._add(layers.Deconvolution(self, _check(input), num_output_maps=num_output_maps, kernel_size_nd=Dims(kernel_shape), kernel=kernel, bias=bias, num_groups=1, **_WINDOW))

    def add_pooling_nd(self, input, type, window_size):  # noqa: A002
        return self._add(layers.Pooling(self, _check(input), pooling_type=type, window_size_nd=Dims(window_size), average_count_excludes_padding=True, **_WINDOW))

    if AT_MOST_8:
        add_convolution, add_deconvolution, add_pooling = add_convolution_nd, add_deconvolution_nd, add_pooling_nd

        def add_fully_connected(self, input, num_outputs, kernel, bias=None):  # noqa: A002
            return self._add(layers.FullyConnected(self, _check(input), num_output_channels=num_outputs, kernel=kernel, bias=bias))

    def add_activation(self, input, type):  # noqa: A002
        return self._add(layers.Activation(self, _check(input), activation_type=type, alpha=0.0, beta=0.0))

    def add_scale(self, input, mode, shift=None, scale=None, power=None):  # noqa: A002
        return self.add_scale_nd(input, mode, shift, scale, power, 1)

    def add_scale_nd(self, input, mode, shift=None, scale=None, power=None, channel_axis=1):  # noqa: A002
        extent = list(_check(input)[0].shape) if mode == ScaleMode.ELEMENTWISE else None
        return self._add(layers.Scale(self, [input], mode=mode, shift=shift, scale=scale, power=power, channel_axis=channel_axis, extent=extent))

    def add_elementwise(self, input1, input2, op):
        whole = op.name == "FLOOR_DIV" and _check(input1)[0].dtype in (DataType.INT32, DataType.INT64)
        return self._add(layers.ElementWise(self, _check(input1, input2), op=op, whole=whole))

    def add_unary(self, input, op):  # noqa: A002
        return self._add(layers.Unary(self, _check(input), op=op))

    def add_concatenation(self, inputs):
        return self._add(layers.Concatenation(self, _check(*inputs), axis=None))

    def add_softmax(self, input):  # noqa: A002
        return self._add(layers.SoftMax(self, _check(input), axes=None))

    def add_shuffle(self, input):  # noqa: A002
        return self._add(layers.Shuffle(self, _check(input), first_transpose=None, reshape_dims=None, second_transpose=None, zero_is_placeholder=True))

    def add_slice(self, input, start, shape, stride):  # noqa: A002
        return self._add(layers.Slice(self, _check(input), start=Dims(start), shape=Dims(shape), stride=Dims(stride), mode=SampleMode.STRICT_BOUNDS))

    def add_reduce(self, input, op, axes, keep_dims):  # noqa: A002
        return self._add(layers.Reduce(self, _check(input), op=op, axes=axes, keep_dims=keep_dims))

    def add_topk(self, input, op, k, axes, indices_type=DataType.INT32):  # noqa: A002
        return self._add(layers.TopK(self, _check(input), op=op, k=k, axes=axes))

    def add_gather(self, input, indices, axis):  # noqa: A002
        return self._add(layers.Gather(self, _check(input, indices), axis=axis, mode=GatherMode.DEFAULT, num_elementwise_dims=0))

    def add_gather_v2(self, input, indices, mode):  # noqa: A002
        return self._add(layers.Gather(self, _check(input, indices), axis=0, mode=mode, num_elementwise_dims=0))

    def add_matrix_multiply(self, input0, op0, input1, op1):
        return self._add(layers.MatrixMultiply(self, _check(input0, input1), op0=op0, op1=op1))

    def add_resize(self, input):  # noqa: A002
        return self._add(layers.Resize(self, _check(input), shape=None, scales=None, resize_mode=InterpolationMode.NEAREST, nearest_rounding=2, cubic_coeff=-0.75, exclude_outside=False,
                                       coordinate_transformation=ResizeCoordinateTransformation.ASYMMETRIC))

    def add_padding_nd(self, input, pre_padding, post_padding):  # noqa: A002
        return self._add(layers.Padding(self, _check(input), pre_padding_nd=Dims(pre_padding), post_padding_nd=Dims(post_padding)))

    def add_identity(self, input):  # noqa: A002
        return self._add(layers.Identity(self, _check(input)))

    def add_cast(self, input, to_type):  # noqa: A002
        return self._add(layers.Cast(self, _check(input), to_type=to_type))

    def add_shape(self, input):  # noqa: A002
        return self._add(layers.Shape(self, _check(input)))

    def add_select(self, condition, then_input, else_input):
        return self._add(layers.Select(self, _check(condition, then_input, else_input)))

    def add_non_zero(self, input):  # noqa: A002
        return self._add(layers.NonZero(self, _check(input)))

    def add_einsum(self, inputs, equation):
        return self._add(layers.Einsum(self, _check(*inputs), equation=equation))

    def add_parametric_relu(self, input, slopes):  # noqa: A002
        return self._add(layers.ParametricReLU(self, _check(input, slopes)))

    def add_quantize(self, input, scale, output_type=DataType.INT8):  # noqa: A002
        return self._add(layers.Quantize(self, _check(input, scale), scales=list(scale.shape), output_type=output_type, axis=1))

    def add_dequantize(self, input, scale, output_type=DataType.FLOAT):  # noqa: A002
        return self._add(layers.Dequantize(self, _check(input, scale), scales=list(scale.shape), output_type=output_type, axis=1))

    if FROM_10:
        def add_squeeze(self, input, axes):  # noqa: A002
            return self._add(layers.Squeeze(self, _check(input, axes)))

        def add_unsqueeze(self, input, axes):  # noqa: A002
            return self._add(layers.Unsqueeze(self, _check(input, axes)))

    def add_normalization(self, input, scale, bias, axesMask):  # noqa: A002, N803
        return self._add(layers.Normalization(self, _check(input, scale, bias), axes=axesMask, epsilon=1e-5))
