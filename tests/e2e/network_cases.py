"""Families of tests/e2e/agree_on_operators that are more than one node: fused dequantize-operate-quantize against exact arithmetic, and small
networks in the forms that quantizers write.
"""
import numpy as np

MS = "com.microsoft"


def exact_conv(x, w, stride, pad, group):
    """Integer sums in int64; x and w have their zero points taken off."""
    x = np.pad(x.astype(np.int64), [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    n, channels, height, width = x.shape
    filters, depth, size, _ = w.shape
    out_h, out_w = (height - size) // stride + 1, (width - size) // stride + 1
    y = np.zeros((n, filters, out_h, out_w), np.int64)
    share = filters // group
    for g in range(group):
        part, kernel = x[:, g * depth:(g + 1) * depth], w[g * share:(g + 1) * share].astype(np.int64)
        for a in range(size):
            for b in range(size):
                window = part[:, :, a:a + stride * out_h:stride, b:b + stride * out_w:stride]
                y[:, g * share:(g + 1) * share] += np.einsum("nchw,fc->nfhw", window, kernel[:, :, a, b])
    return y


def rounded(real, scale, zero, dtype):
    info = np.iinfo(dtype)
    return np.clip(np.rint(real / np.float64(scale)) + int(zero), info.min, info.max).astype(dtype)


def dequantized(f, array, scale, zero, **attributes):
    value = f.constant(array) if attributes.pop("constant", False) else f.input(array)
    return f.node("DequantizeLinear", [value, f.constant(scale), f.constant(zero)], **attributes)


def fused_conv(f):
    f.peer = False
    for dtype in (np.uint8, np.int8):
        for size, stride, group, relu, per_filter in ((3, 1, 1, True, True), (1, 1, 1, False, True), (3, 2, 1, True, False), (3, 1, 24, True, True), (5, 2, 2, False, False)):
            channels, filters, pad = 24, 48 if group != 24 else 24, size // 2
            x, x_scale, x_zero = f.values(dtype, (1, channels, 19, 21)), np.float32(f.rng.uniform(0.01, 0.05)), f.zero(dtype)
            w = f.values(np.int8, (filters, channels // group, size, size))
            w_scale = f.rng.uniform(0.002, 0.01, filters).astype(np.float32) if per_filter else np.float32(0.007)
            bias = f.rng.integers(-20000, 20000, filters).astype(np.int32)
            bias_scale = (x_scale * w_scale).astype(np.float32)
            sums = exact_conv(x.astype(np.int64) - int(x_zero), w, stride, pad, group) + bias[None, :, None, None]
            real = sums * np.float64(x_scale) * np.broadcast_to(w_scale, filters).astype(np.float64)[None, :, None, None]
            if relu:
                real = np.maximum(real, 0)
            y_scale, y_zero = np.float32(real.std() / 40), f.zero(dtype, 0 if relu else 2)
            weights = dequantized(f, w, w_scale, np.zeros(w_scale.shape, np.int8), constant=True, axis=0)
            offset = dequantized(f, bias, bias_scale, np.zeros(bias_scale.shape, np.int32), constant=True, axis=0)
            y = f.node("Conv", [dequantized(f, x, x_scale, x_zero), weights, offset], strides=[stride] * 2, pads=[pad] * 4, group=group)
            if relu:
                y = f.node("Relu", [y])
            y = f.node("QuantizeLinear", [y, f.constant(y_scale), f.constant(y_zero)])
            f.case(f"{np.dtype(dtype).name} {size}x{size} stride {stride} group {group} relu {relu}", y, dtype, "steps", rounded(real, y_scale, y_zero, dtype))


def fused_matmul(f):
    f.peer = False
    for dtype in (np.uint8, np.int8):
        for a_shape, columns, per_column in (((1, 40, 96), 80, True), ((3, 17, 64), 33, False), ((1, 128), 200, True)):
            a, a_scale, a_zero = f.values(dtype, a_shape), np.float32(f.rng.uniform(0.01, 0.05)), f.zero(dtype)
            w = f.values(np.int8, (a_shape[-1], columns))
            w_scale = f.rng.uniform(0.002, 0.01, columns).astype(np.float32) if per_column else np.float32(0.007)
            real = ((a.astype(np.int64) - int(a_zero)) @ w.astype(np.int64)) * np.float64(a_scale) * w_scale.astype(np.float64)
            y_scale, y_zero = np.float32(real.std() / 40), f.zero(dtype)
            weights = dequantized(f, w, w_scale, np.zeros(w_scale.shape, np.int8), constant=True, axis=1)
            y = f.node("MatMul", [dequantized(f, a, a_scale, a_zero), weights])
            y = f.node("QuantizeLinear", [y, f.constant(y_scale), f.constant(y_zero)])
            f.case(f"{np.dtype(dtype).name} {a_shape} x {columns}", y, dtype, "steps", rounded(real, y_scale, y_zero, dtype))


def fused_pointwise(f):
    f.peer = False
    for dtype in (np.uint8, np.int8):
        for op in ("Add", "Mul"):
            a, b = f.values(dtype, (1, 30, 20, 33)), f.values(dtype, (1, 30, 20, 33))
            a_scale, b_scale, a_zero, b_zero = np.float32(f.rng.uniform(0.01, 0.05)), np.float32(f.rng.uniform(0.01, 0.05)), f.zero(dtype), f.zero(dtype)
            left, right = ((v.astype(np.float64) - float(z)) * np.float64(s) for v, s, z in ((a, a_scale, a_zero), (b, b_scale, b_zero)))
            real = left + right if op == "Add" else left * right
            y_scale, y_zero = np.float32(real.std() / 40), f.zero(dtype)
            y = f.node(op, [dequantized(f, a, a_scale, a_zero), dequantized(f, b, b_scale, b_zero)])
            f.case(f"{np.dtype(dtype).name} {op}", f.node("QuantizeLinear", [y, f.constant(y_scale), f.constant(y_zero)]), dtype, "steps", rounded(real, y_scale, y_zero, dtype))
        x, scale, zero = f.values(dtype, (2, 16, 14, 15)), np.float32(0.031), f.zero(dtype)
        real = (x.astype(np.float64) - float(zero)) * np.float64(scale)
        y = f.node("GlobalAveragePool", [dequantized(f, x, scale, zero)])
        out = np.float32(0.0037)
        f.case(f"{np.dtype(dtype).name} GlobalAveragePool", f.node("QuantizeLinear", [y, f.constant(out), f.constant(zero)]), dtype, "steps",
               rounded(real.mean(axis=(2, 3), keepdims=True), out, zero, dtype))


class Layers:
    """Nodes of QOperator networks with uint8 activations."""

    def __init__(self, f):
        self.f = f

    def scalars(self, scale, zero, dtype=np.uint8):
        return [self.f.constant(np.float32(scale)), self.f.constant(dtype(zero))]

    def conv(self, x, x_q, filters, channels, size, y_q, group=1, **attributes):
        f = self.f
        w = f.values(np.int8, (filters, channels // group, size, size))
        scale = f.rng.uniform(0.5, 1.5, filters).astype(np.float32) / np.float32(60 * np.sqrt(channels // group * size * size))
        bias = f.rng.integers(-1500, 1500, filters).astype(np.int32)
        pad = size // 2
        return f.node("QLinearConv", [x, *self.scalars(*x_q), f.constant(w), f.constant(scale), f.constant(np.zeros(filters, np.int8)), *self.scalars(*y_q), f.constant(bias)],
                      pads=[pad] * 4, group=group, **attributes)

    def matmul(self, a, a_q, b, b_q, y_q, b_type=np.uint8):
        return self.f.node("QLinearMatMul", [a, *self.scalars(*a_q), b, *self.scalars(*b_q, b_type), *self.scalars(*y_q)])

    def add(self, a, a_q, b, b_q, y_q):
        return self.f.node("QLinearAdd", [a, *self.scalars(*a_q), b, *self.scalars(*b_q), *self.scalars(*y_q)], domain=MS)


def qoperator_detector(f):
    layers, positive = Layers(f), (0.04, 0)
    image = f.rng.uniform(0, 255, (1, 3, 64, 96)).astype(np.float32)
    x = f.node("QuantizeLinear", [f.input(image), *layers.scalars(1.0, 0)])
    x = layers.conv(x, (1 / 64, 0), 16, 3, 3, positive, strides=[2, 2])
    x = layers.conv(x, positive, 16, 16, 3, positive, group=16)
    low = layers.conv(x, positive, 24, 16, 1, positive)
    x = f.node("MaxPool", [low], kernel_shape=[2, 2], strides=[2, 2])
    x = layers.conv(x, positive, 24, 24, 3, positive)
    up = f.node("Resize", [x, "", f.constant(np.array([1, 1, 2, 2], np.float32))], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    merged = layers.add(low, positive, up, positive, (0.07, 3))
    scores, boxes = [], []
    for level, q in ((merged, (0.07, 3)), (x, positive)):
        for channels, into in ((2, scores), (4, boxes)):
            y = layers.conv(level, q, channels, 24, 1, (0.05, 128))
            y = f.node("Transpose", [y], perm=[0, 2, 3, 1])
            into.append(f.node("Reshape", [y, f.constant(np.array([1, -1, channels], np.int64))]))
    scores = [f.node("QLinearSigmoid", [y, *layers.scalars(0.05, 128), *layers.scalars(1 / 256, 0)], domain=MS) for y in scores]
    for label, parts, q in (("scores", scores, (1 / 256, 0)), ("boxes", boxes, (0.05, 128))):
        joined = f.node("QLinearConcat", [*layers.scalars(*q), *(item for part in parts for item in (part, *layers.scalars(*q)))], domain=MS, axis=1)
        f.case(label, f.node("DequantizeLinear", [joined, *layers.scalars(*q)]), np.float32)


def weights_of(f, rows, columns):
    return f.constant(f.values(np.int8, (rows, columns)))


def qoperator_transformer(f):
    layers, hidden, heads, length = Layers(f), 64, 4, 24
    q, wide, mix = (0.03, 128), (0.06, 128), (1 / 256, 0)
    ids = f.rng.integers(0, 100, (1, length))
    table = f.constant(f.values(np.uint8, (100, hidden)))
    x = f.node("Gather", [table, f.input(ids.astype(np.int64))])
    x = f.node("DequantizeLinear", [x, *layers.scalars(0.02, 121)])

    def norm(value):
        gains = [f.constant(f.rng.uniform(0.8, 1.2, hidden).astype(np.float32)), f.constant(f.rng.normal(size=hidden).astype(np.float32) * np.float32(0.1))]
        return f.node("QuantizeLinear", [f.node("LayerNormalization", [value, *gains], axis=-1), *layers.scalars(*q)])

    def linear(value, value_q, rows, columns, y_q):
        y = layers.matmul(value, value_q, weights_of(f, rows, columns), (0.014 / np.sqrt(rows), 0), y_q, np.int8)
        return layers.add(y, y_q, f.constant(f.values(np.uint8, (columns,))), (0.002, 128), y_q)

    def split(value, order):
        return f.node("Transpose", [f.node("Reshape", [value, f.constant(np.array([1, length, heads, hidden // heads], np.int64))])], perm=order)

    x = norm(x)
    query, key, values = (linear(x, q, hidden, hidden, q) for _ in range(3))
    scores = layers.matmul(split(query, [0, 2, 1, 3]), q, split(key, [0, 2, 3, 1]), q, (0.05, 128))
    shares = f.node("QLinearSoftmax", [scores, *layers.scalars(0.05, 128), *layers.scalars(*mix)], domain=MS, axis=-1, opset=17)
    y = layers.matmul(shares, mix, split(values, [0, 2, 1, 3]), q, q)
    y = f.node("Reshape", [f.node("Transpose", [y], perm=[0, 2, 1, 3]), f.constant(np.array([length, hidden], np.int64))])
    y = linear(y, q, hidden, hidden, q)
    y = layers.add(y, q, f.node("Reshape", [x, f.constant(np.array([length, hidden], np.int64))]), q, wide)
    x = norm(f.node("DequantizeLinear", [y, *layers.scalars(*wide)]))
    y = f.node("DequantizeLinear", [linear(x, q, hidden, 2 * hidden, wide), *layers.scalars(*wide)])
    erf = f.node("Erf", [f.node("Mul", [y, f.constant(np.float32(0.70710677))])])
    y = f.node("Mul", [f.node("Mul", [y, f.constant(np.float32(0.5))]), f.node("Add", [erf, f.constant(np.float32(1))])])
    y = f.node("QuantizeLinear", [y, *layers.scalars(0.03, 8)])
    gemm = [y, *layers.scalars(0.03, 8), weights_of(f, hidden, 2 * hidden), *layers.scalars(0.001, 0, np.int8), f.constant(f.rng.integers(-900, 900, hidden).astype(np.int32))]
    y = f.node("QGemm", gemm + layers.scalars(*q), domain=MS, transB=1)
    y = layers.add(y, q, x, q, wide)
    # A norm or a softmax in another order of additions moves single results by a step, and steps spread through two products.
    f.case("logits", f.node("DequantizeLinear", [y, *layers.scalars(*wide)]), np.float32, 0.02)


def float_companions(f):
    """What ONNX Runtime's optimizer puts beside quantized operators."""
    def x(*shape):
        return f.input(f.rng.normal(size=shape).astype(np.float32))

    def w(*shape):
        return f.constant(f.rng.normal(size=shape).astype(np.float32) * np.float32(0.3))

    made = {
        "Gelu": f.node("Gelu", [x(5, 60)], domain=MS), "BiasGelu": f.node("BiasGelu", [x(5, 60), w(60)], domain=MS),
        "FastGelu": f.node("FastGelu", [x(5, 60), w(60)], domain=MS), "FastGelu alone": f.node("FastGelu", [x(5, 60)], domain=MS),
        "QuickGelu": f.node("QuickGelu", [x(5, 60)], domain=MS), "QuickGelu alpha": f.node("QuickGelu", [x(5, 60)], domain=MS, alpha=1.2),
        "FusedMatMul": f.node("FusedMatMul", [x(2, 3, 7, 8), w(2, 3, 9, 8)], domain=MS, transB=1, alpha=0.25),
        "FusedMatMul transA": f.node("FusedMatMul", [x(8, 7), w(8, 9)], domain=MS, transA=1),
        "FusedMatMul transBatchA": f.node("FusedMatMul", [x(7, 2, 3, 8), w(2, 3, 8, 9)], domain=MS, transBatchA=1),
        "FusedMatMul transBatchA, transA": f.node("FusedMatMul", [x(8, 2, 3, 7), w(2, 3, 8, 9)], domain=MS, transBatchA=1, transA=1),
        "FusedMatMul transBatchB, transB": f.node("FusedMatMul", [x(2, 3, 7, 8), w(9, 2, 3, 8)], domain=MS, transBatchB=1, transB=1),
        "FusedConv Relu": f.node("FusedConv", [x(1, 6, 12, 13), w(8, 6, 3, 3), w(8)], domain=MS, activation="Relu", pads=[1, 1, 1, 1]),
        "FusedConv LeakyRelu": f.node("FusedConv", [x(1, 6, 12, 13), w(8, 6, 3, 3), w(8)], domain=MS, activation="LeakyRelu", activation_params=[0.2]),
        "FusedConv Clip": f.node("FusedConv", [x(1, 6, 12, 13), w(8, 6, 3, 3), w(8)], domain=MS, activation="Clip", activation_params=[-0.5, 1.5]),
        "FusedConv HardSigmoid": f.node("FusedConv", [x(1, 6, 12, 13), w(8, 6, 3, 3)], domain=MS, activation="HardSigmoid", activation_params=[0.3, 0.4]),
        "FusedConv sum": f.node("FusedConv", [x(1, 6, 12, 13), w(8, 6, 1, 1), w(8), x(1, 8, 12, 13)], domain=MS, activation="Relu"),
        "FusedGemm": f.node("FusedGemm", [x(4, 20), w(11, 20), w(11)], domain=MS, activation="Relu", transB=1, alpha=0.5, beta=2.0),
        "FusedGemm LeakyRelu": f.node("FusedGemm", [x(4, 20), w(20, 11)], domain=MS, activation="LeakyRelu", activation_alpha=0.1),
        "SkipLayerNormalization": f.node("SkipLayerNormalization", [x(2, 5, 48), x(2, 5, 48), w(48), w(48), w(48)], domain=MS, epsilon=1e-5),
        "SkipLayerNormalization broadcast": f.node("SkipLayerNormalization", [x(2, 5, 48), x(1, 5, 48), w(48)], domain=MS),
        "SkipSimplifiedLayerNormalization": f.node("SkipSimplifiedLayerNormalization", [x(2, 5, 48), x(2, 5, 48), w(48), w(48)], domain=MS, epsilon=1e-5),
        "SimplifiedLayerNormalization": f.node("SimplifiedLayerNormalization", [x(2, 5, 48), w(48)], axis=-1, epsilon=1e-5),
    }
    ids = [f.input(f.rng.integers(0, high, (2, 5)).astype(np.int32)) for high in (30, 2)]
    tables = [w(30, 48), w(16, 48), w(2, 48), w(48), w(48)]
    mask = f.input((np.arange(5)[None, :] < np.array([[5], [3]])).astype(np.int32))
    made["EmbedLayerNormalization"] = f.node("EmbedLayerNormalization", [*ids, *tables, mask], ["_mask", "_sum"], domain=MS)
    f.case("EmbedLayerNormalization, mask", made["EmbedLayerNormalization"] + "_mask", np.int32)
    f.case("EmbedLayerNormalization, sum", made["EmbedLayerNormalization"] + "_sum", np.float32, 3e-6)
    made["EmbedLayerNormalization words only"] = f.node("EmbedLayerNormalization", [ids[0], "", *tables[:2], "", *tables[3:]], ["_mask"], domain=MS)
    f.case("EmbedLayerNormalization words only, mask", made["EmbedLayerNormalization words only"] + "_mask", np.int32)
    skip = f.node("SkipLayerNormalization", [x(2, 5, 48), x(2, 5, 48), w(48)], ["", "", "_sum"], domain=MS)
    f.case("SkipLayerNormalization, sum", skip + "_sum", np.float32, 3e-6)
    for label, value in made.items():
        f.case(label, value, np.float32, 3e-6)


def moves_of_8_bits(f):
    """What QOperator networks do to 8-bit values besides arithmetic."""
    for dtype in (np.uint8, np.int8):
        x = f.input(f.values(dtype, (2, 8, 10, 12)))
        ints = lambda *values: f.constant(np.array(values, np.int64))  # noqa: E731
        moved = {
            "MaxPool": f.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
            "Transpose": f.node("Transpose", [x], perm=[0, 2, 3, 1]), "Reshape": f.node("Reshape", [x, ints(2, -1)]),
            "Slice": f.node("Slice", [x, ints(1), ints(9), ints(2), ints(3)]), "Gather": f.node("Gather", [x, ints(7, 0, 3)], axis=1),
            "Pad": f.node("Pad", [x, ints(0, 0, 1, 2, 0, 0, 3, 0), f.constant(dtype(17))]), "DepthToSpace": f.node("DepthToSpace", [x], blocksize=2),
            "Expand": f.node("Expand", [f.node("Slice", [x, ints(0), ints(1), ints(1)]), ints(2, 8, 10, 12)]), "Tile": f.node("Tile", [x, ints(1, 2, 1, 1)]),
            "Concat": f.node("Concat", [x, x], axis=2), "Unsqueeze": f.node("Unsqueeze", [x, ints(0)]),
            "Resize": f.node("Resize", [x, "", f.constant(np.array([1, 1, 2, 2], np.float32))], mode="nearest"),
        }
        for op, value in moved.items():
            f.case(f"{np.dtype(dtype).name} {op}", value, dtype)
        f.case(f"{np.dtype(dtype).name} ArgMax", f.node("ArgMax", [x], axis=1), np.int64)


def activations_of_16_bits(f):
    f.opset = 21
    for dtype, zero in ((np.uint16, 32768), (np.int16, 0), (np.uint16, 1234)):
        def pair(value, scale, point):
            q = f.node("QuantizeLinear", [value, f.constant(np.float32(scale)), f.constant(dtype(point))])
            return f.node("DequantizeLinear", [q, f.constant(np.float32(scale)), f.constant(dtype(point))])

        x = pair(f.input(f.rng.normal(size=(1, 16, 20, 22)).astype(np.float32)), 1.5e-4, zero)
        for number in range(2):
            w = f.values(np.int8, (16, 16, 3, 3))
            weights = dequantized(f, w, f.rng.uniform(0.0005, 0.002, 16).astype(np.float32), np.zeros(16, np.int8), constant=True, axis=0)
            x = pair(f.node("Relu", [f.node("Conv", [x, weights], pads=[1, 1, 1, 1])]), 1.5e-4, zero)
        x = f.node("Reshape", [f.node("GlobalAveragePool", [x]), f.constant(np.array([1, 16], np.int64))])
        weights = dequantized(f, f.values(np.int8, (16, 10)), np.float32(0.01), np.int8(0), constant=True)
        # One step of 16 bits where f32 sums in another order round the other way.
        f.case(f"{np.dtype(dtype).name}, zero point {zero}", pair(f.node("MatMul", [x, weights]), 1.5e-4, zero), np.float32, 2e-4)


def blocks_of_4_bits(f):
    import onnx_writer as onnx
    f.opset = 21
    for kind, low, high in ((onnx.INT4, -8, 7), (onnx.UINT4, 0, 15)):
        for k, n, block, zeros in ((64, 48, 32, True), (96, 17, 16, False), (80, 32, 32, True), (128, 20, 128, False)):
            blocks = -(-k // block)
            weights = onnx.Packed(f.rng.integers(low, high + 1, (k, n)), kind)
            inputs = [f.constant(weights), f.constant(f.rng.uniform(0.01, 0.1, (blocks, n)).astype(np.float32))]
            if zeros:
                inputs.append(f.constant(onnx.Packed(f.rng.integers(low, high + 1, (blocks, n)), kind)))
            y = f.node("MatMul", [f.input(f.rng.normal(size=(3, 7, k)).astype(np.float32)), f.node("DequantizeLinear", inputs, axis=0, block_size=block)])
            f.case(f"{kind} [{k},{n}] blocks of {block} zero points {zeros}", y, np.float32, 2e-6)
        weights = onnx.Packed(f.rng.integers(low, high + 1, (24, 16, 3, 3)), kind)
        scales = f.constant(f.rng.uniform(0.01, 0.1, 24).astype(np.float32))
        zeros = f.constant(onnx.Packed(f.rng.integers(low, high + 1, 24), kind))
        y = f.node("Conv", [f.input(f.rng.normal(size=(1, 16, 12, 13)).astype(np.float32)), f.node("DequantizeLinear", [f.constant(weights), scales, zeros], axis=0)])
        f.case(f"{kind} weights of a convolution", y, np.float32, 2e-6)


FAMILIES = {
    "fused_conv": fused_conv, "fused_matmul": fused_matmul, "fused_pointwise": fused_pointwise, "qoperator_detector": qoperator_detector,
    "qoperator_transformer": qoperator_transformer, "float_companions": float_companions, "moves_of_8_bits": moves_of_8_bits, "activations_of_16_bits": activations_of_16_bits, "blocks_of_4_bits": blocks_of_4_bits,
}
