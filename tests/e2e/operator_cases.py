"""Cases of tests/e2e/agree_on_operators: families of independent nodes, with inputs that hurt.

Values sit at the ends of the integer range, at half steps of the grid, and beyond it; scales are powers of two (so that halves are exact and
common) and odd numbers; zero points sit at both ends and between.
"""
import numpy as np

import attention_cases
import classic_cases
import form_cases
import network_cases
import onnx_writer as onnx

MS = "com.microsoft"
STEP_SHARE = 0.001  # of elements that may differ by one step where a fused form is compared with exact arithmetic
# ONNX Runtime averages pixels in f32, row by row; with equal scales many results are halves but for the last bit, which the order decides.
TIES_SHARE = 0.06


class Case:
    """`expected`: what exact arithmetic gives, or None: ONNX Runtime decides. tolerance: None: equal bits; "steps": at most one step in
    STEP_SHARE of the elements; "ties": the same in TIES_SHARE; a number: of the largest magnitude."""

    def __init__(self, label, output, tolerance=None, expected=None):
        self.label, self.output, self.tolerance, self.expected, self.note = label, output, tolerance, expected, ""

    def compare(self, ours, wanted):
        if ours.shape != wanted.shape or ours.dtype != wanted.dtype:
            return f"found {ours.dtype}{list(ours.shape)} instead of {wanted.dtype}{list(wanted.shape)}"
        if isinstance(self.tolerance, float):
            finite = np.isfinite(wanted)
            if not np.array_equal(np.where(finite, 0, wanted), np.where(np.isfinite(ours), 0, ours), equal_nan=True):
                return "other elements are infinite or no numbers"
            largest = float(np.abs(wanted[finite]).max(initial=1e-30))
            error = float(np.abs(ours[finite].astype(np.float64) - wanted[finite]).max(initial=0)) / largest
            self.note = f"error {error:.1e}"
            return f"error {error:.2e}, allowed {self.tolerance:.0e}," if error > self.tolerance else None
        unequal = (ours != wanted) & ~((ours != ours) & (wanted != wanted))
        different = np.flatnonzero(unequal.reshape(-1))
        self.note = f"{ours.size} elements, {different.size} differ"
        if not different.size:
            return None
        steps = np.abs(ours.astype(np.float64) - wanted.astype(np.float64)).max()
        share = {"steps": STEP_SHARE, "ties": TIES_SHARE}.get(self.tolerance, 0)
        if share and steps <= 1 and different.size <= max(1, share * ours.size):
            return None
        shown = ", ".join(f"[{i}] {ours.flat[i]} not {wanted.flat[i]}" for i in different[:3])
        return f"{different.size} of {ours.size} elements differ, by up to {steps:g} ({shown})"


class Family:
    def __init__(self, name, seed, opset=17):
        self.name, self.opset, self.rng = name, opset, np.random.default_rng([seed, *name.encode()])
        self.nodes, self.inputs, self.weights, self.outputs, self.cases = [], {}, {}, [], []
        self.count = 0
        self.domains = {"com_microsoft": 1}
        self.peer = True  # False: ONNX Runtime has no kernel, or a faulty one; every case has its `expected`

    def input(self, array):
        name = f"x{len(self.inputs)}"
        self.inputs[name] = np.asarray(array)
        return name

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights[name] = array
        return name

    def node(self, op, inputs, more_outputs=(), **attributes):
        """Its first output; further ones are called as the first, with these endings."""
        self.count += 1
        name = f"{op}_{self.count}"
        self.nodes.append(onnx.node(op, inputs, [name, *(ending and name + ending for ending in more_outputs)], **attributes))
        return name

    def case(self, label, value, kind, tolerance=None, expected=None):
        self.outputs.append((value, None, onnx.TYPES[np.dtype(kind).name]))
        self.cases.append(Case(label, value, tolerance, expected))

    def model(self):
        inputs = [(name, array.shape, onnx.TYPES[array.dtype.name]) for name, array in self.inputs.items()]
        return onnx.model(self.name, self.nodes, self.weights, inputs, self.outputs, self.opset, "operator_cases", ir_version=10, **self.domains)

    def values(self, dtype, shape):
        """Random integers with both ends among them."""
        info = np.iinfo(dtype)
        array = self.rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        flat = array.reshape(-1)
        ends = [info.min, info.max, min(info.max, info.min + 1), max(info.min, info.max - 1)]
        flat[:min(4, flat.size)] = np.array(ends, dtype)[:min(4, flat.size)]
        return array

    def scale(self):
        """Powers of two on even calls, so that ties are frequent; odd numbers else."""
        self.count += 1
        if self.count % 2:
            return np.float32(2.0 ** self.rng.integers(-6, 0))
        return np.float32(self.rng.uniform(0.003, 0.2))

    def zero(self, dtype, which=None):
        info = np.iinfo(dtype)
        middle = int(self.rng.integers(info.min, info.max + 1))
        return np.dtype(dtype).type([info.min, info.max, middle][self.rng.integers(3) if which is None else which])


def hostile_floats(family, shape, scale, dtype):
    """Half steps, values at and beyond the ends of the grid, infinities, denormals, zeros of both signs."""
    info = np.iinfo(dtype)
    span = info.max - info.min
    steps = family.rng.integers(-2 * span, 2 * span, shape).astype(np.float64)
    halves = family.rng.random(shape) < 0.5
    x = ((steps + 0.5 * halves) * np.float64(scale)).astype(np.float32)
    flat = x.reshape(-1)
    special = [np.inf, -np.inf, 1e-45, -1e-45, 0.0, -0.0, 3e38, -3e38, 1e-38]
    flat[:len(special)] = special
    near = slice(len(special), len(special) + 200)
    flat[near] = np.nextafter(flat[near], np.float32(np.inf))
    return x


def quantize(f):
    for dtype in (np.uint8, np.int8, np.uint16, np.int16):
        domain, opset21 = ("", True) if dtype in (np.uint8, np.int8) else (MS, False)
        for which in range(3):
            scale, zero = f.scale(), f.zero(dtype, which)
            x = hostile_floats(f, (40, 50), scale, dtype)
            f.case(f"{np.dtype(dtype).name}, zero point {zero}",
                   f.node("QuantizeLinear", [f.input(x), f.constant(scale), f.constant(zero)], domain=domain), dtype)
        for axis in (0, 1, -1):
            scales = np.array([f.scale() for _ in range(30)], np.float32)
            zeros = np.array([f.zero(dtype) for _ in range(30)], dtype)
            shape = [[30, 8, 9], [5, 30, 7], [6, 7, 30]][axis]
            x = hostile_floats(f, shape, 0.1, dtype)
            f.case(f"{np.dtype(dtype).name}, scales along axis {axis}",
                   f.node("QuantizeLinear", [f.input(x), f.constant(scales), f.constant(zeros)], domain=domain, axis=axis), dtype)
    x = hostile_floats(f, (999,), 0.25, np.uint8)
    f.case("no zero point", f.node("QuantizeLinear", [f.input(x), f.constant(np.float32(0.25))]), np.uint8)
    f.case("tiny scale", f.node("QuantizeLinear", [f.input(x), f.constant(np.float32(1e-40)), f.constant(np.uint8(7))]), np.uint8)
    f.case("scale known at run time", f.node("QuantizeLinear", [f.input(x), f.input(np.float32(0.31)), f.input(np.int8(-5))]), np.int8)


def dequantize(f):
    for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.int32):
        domain = "" if dtype in (np.uint8, np.int8, np.int32) else MS
        for which in range(3):
            zero = np.int32(0) if dtype == np.int32 else f.zero(dtype, which)
            f.case(f"{np.dtype(dtype).name}, zero point {zero}",
                   f.node("DequantizeLinear", [f.input(f.values(dtype, (40, 50))), f.constant(f.scale()), f.constant(zero)], domain=domain), np.float32)
        scales = np.array([f.scale() for _ in range(30)], np.float32)
        zeros = np.array([0 if dtype == np.int32 else f.zero(dtype) for _ in range(30)], dtype)
        f.case(f"{np.dtype(dtype).name}, scales along axis 1",
               f.node("DequantizeLinear", [f.input(f.values(dtype, (5, 30, 7))), f.constant(scales), f.constant(zeros)], domain=domain, axis=1), np.float32)
    f.case("no zero point", f.node("DequantizeLinear", [f.input(f.values(np.uint8, (77,))), f.constant(f.scale())]), np.float32)
    f.case("scale known at run time", f.node("DequantizeLinear", [f.input(f.values(np.int8, (77,))), f.input(np.float32(0.3)), f.input(np.int8(9))]), np.float32)


def dynamic_quantize(f):
    for low, high in ((-1, 1), (0, 5), (-7, -1), (1e-30, 1e-28), (-3e38, 3e38), (0, 0)):
        x = f.rng.uniform(low, high, (33, 41)).astype(np.float32)
        f.count += 1
        names = [f"dynamic_{f.count}_{i}" for i in range(3)]
        f.nodes.append(onnx.node("DynamicQuantizeLinear", [f.input(x)], names))
        for name, kind in zip(names, (np.uint8, np.float32, np.uint8)):
            f.case(f"{low} to {high}, {name}", name, kind)


def binary(f, op):
    for dtype in (np.uint8, np.int8):
        for number, (a, b) in enumerate([((64, 320), (64, 320)), ((6, 70, 5), (70, 1)), ((1, 33), (40, 1)), ((50,), (1,)), ((1,), (51,)), ((200, 100), (100,))]):
            parameters = []
            for shape in (a, b):
                parameters += [f.input(f.values(dtype, shape)), f.constant(f.scale()), f.constant(f.zero(dtype))]
            parameters += [f.constant(np.float32(f.scale() * (200 if op == "QLinearMul" else 2))), f.constant(f.zero(dtype))]
            f.case(f"{np.dtype(dtype).name} {list(a)} {list(b)}", f.node(op, parameters, domain=MS), dtype)
        for zero in range(3):  # equal scales: every second sum of two is a tie
            one = np.float32(0.05)
            parameters = [f.input(f.values(dtype, (64, 320))), f.constant(one), f.constant(f.zero(dtype, zero)),
                          f.input(f.values(dtype, (64, 320))), f.constant(one), f.constant(f.zero(dtype)), f.constant(np.float32(2 * one)), f.constant(f.zero(dtype))]
            f.case(f"{np.dtype(dtype).name}, ties, {zero}", f.node(op, parameters, domain=MS), dtype)
    every = np.arange(256, dtype=np.uint8)
    for dtype in (np.uint8, np.int8):  # every pair, with scales that are round numbers: many results are near halves
        for _ in range(4):
            scales = [np.float32(f.rng.choice([0.1, 0.05, 0.07, 0.2, 0.03, 0.25])) for _ in range(3)]
            parameters = []
            for number, pair in enumerate((np.repeat(every, 256), np.tile(every, 256))):
                parameters += [f.input(pair.view(dtype)), f.constant(scales[number]), f.constant(f.zero(dtype))]
            parameters += [f.constant(scales[2]), f.constant(f.zero(dtype))]
            f.case(f"{np.dtype(dtype).name}, every pair, scales {scales}", f.node(op, parameters, domain=MS), dtype)
    parameters = [f.input(f.values(np.int8, (30, 20))), f.input(np.float32(0.1)), f.input(np.int8(3)), f.input(f.values(np.int8, (30, 20))),
                  f.input(np.float32(0.07)), f.input(np.int8(-3)), f.input(np.float32(0.2)), f.input(np.int8(1))]
    f.case("scales known at run time", f.node(op, parameters, domain=MS), np.int8)


def binary_without_zeros(f):
    # ONNX Runtime's type inference fails here.
    f.peer = False
    for op in ("QLinearAdd", "QLinearMul"):
        a, b = f.values(np.int8, (30, 20)), f.values(np.int8, (30, 20))
        real = a.astype(np.float64) * 0.125 + b * 0.25 if op == "QLinearAdd" else a.astype(np.float64) * 0.125 * b * 0.25
        wanted = np.clip(np.rint(real / 0.5), -128, 127).astype(np.int8)
        parameters = [f.input(a), f.constant(np.float32(0.125)), "", f.input(b), f.constant(np.float32(0.25)), "", f.constant(np.float32(0.5))]
        f.case(op, f.node(op, parameters, domain=MS), np.int8, None, wanted)


def table(f, op, **attributes):
    for dtype in (np.uint8, np.int8):
        every = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
        for number in range(6):
            out = np.float32(1 / 256) if op == "QLinearSigmoid" and number % 2 else f.scale()
            parameters = [f.input(every), f.constant(f.scale()), f.constant(f.zero(dtype)), f.constant(out), f.constant(f.zero(dtype, number % 3))]
            f.case(f"{np.dtype(dtype).name}, {number}", f.node(op, parameters, domain=MS, **attributes), dtype)
    f.case("no zero points", f.node(op, [f.input(f.values(np.uint8, (99,))), f.constant(np.float32(0.05)), "", f.constant(np.float32(0.01)), ""], domain=MS, **attributes), np.uint8)


def softmax(f):
    # Int8 with a zero point below -127 is left out: ONNX Runtime wraps a probability of 1 around to -128 there.
    for shape, axis, opset in (((40, 100), -1, 13), ((3, 50, 20), 1, 13), ((10, 6, 7), 1, 11), ((8, 1000), 1, 12), ((1, 1000, 1, 1), 1, 11)):
        for scale in (0.01, 0.1, 0.125):
            zero, step = np.uint8(0), np.float32(1 / 256 if scale != 0.1 else 0.0039)
            parameters = [f.input(f.values(np.uint8, shape)), f.constant(np.float32(scale)), f.constant(f.zero(np.uint8)), f.constant(step), f.constant(zero)]
            f.case(f"{list(shape)} axis {axis} opset {opset} scale {scale}", f.node("QLinearSoftmax", parameters, domain=MS, axis=axis, opset=opset), np.uint8, "steps")


    # Int8 with probabilities far from 1.
    for zero in (np.int8(-128), np.int8(-5)):
        parameters = [f.input(f.values(np.int8, (50, 300))), f.constant(np.float32(0.02)), f.constant(np.int8(3)), f.constant(np.float32(1 / 2048)), f.constant(zero)]
        f.case(f"int8, zero point {zero}", f.node("QLinearSoftmax", parameters, domain=MS, axis=-1, opset=13), np.int8, "steps")


def images(f, channels_last, channels=5, size=(13, 14), dtype=np.uint8, batch=2):
    shape = (batch, *size, channels) if channels_last else (batch, channels, *size)
    return f.values(dtype, shape)


def average_pool(f):
    for dtype in (np.uint8, np.int8):
        for last in (0, 1):
            for equal in (False, True):
                for attributes in (dict(kernel_shape=[2, 2], strides=[2, 2]), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
                                   dict(kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], count_include_pad=1)):
                    scale = f.scale()
                    zero = f.zero(dtype)
                    parameters = [f.input(images(f, last, dtype=dtype)), f.constant(scale), f.constant(zero)]
                    parameters += [f.constant(scale), f.constant(zero)] if equal else [f.constant(f.scale()), f.constant(f.zero(dtype))]
                    f.case(f"{np.dtype(dtype).name} channels_last {last} equal {equal} {attributes}",
                           f.node("QLinearAveragePool", parameters, domain=MS, channels_last=last, **attributes), dtype, "ties" if equal else None)


def global_average_pool(f):
    for dtype in (np.uint8, np.int8):
        for last in (0, 1):
            for size in ((7, 7), (8, 8), (1, 5), (40, 60)):
                scale, zero = f.scale(), f.zero(dtype)
                parameters = [f.input(images(f, last, 37, size, dtype)), f.constant(scale), f.constant(zero)]
                parameters += [f.constant(scale), f.constant(zero)] if size[0] == 8 else [f.constant(f.scale()), f.constant(f.zero(dtype))]
                f.case(f"{np.dtype(dtype).name} channels_last {last} {size}", f.node("QLinearGlobalAveragePool", parameters, domain=MS, channels_last=last), dtype)


def concat(f):
    for dtype in (np.uint8, np.int8):
        for axis in (0, 1, -1):
            scale, zero = f.scale(), f.zero(dtype)
            parameters = [f.constant(scale), f.constant(zero)]
            for same in (True, False, False):
                parameters += [f.input(f.values(dtype, (5, 40, 9))), f.constant(scale if same else f.scale()), f.constant(zero if same else f.zero(dtype))]
            f.case(f"{np.dtype(dtype).name} axis {axis}", f.node("QLinearConcat", parameters, domain=MS, axis=axis), dtype)


def where(f):
    condition = f.rng.random((20, 30)) < 0.5
    for _ in range(4):  # ONNX Runtime reads its table at negative places with int8
        parameters = [f.input(condition), f.input(f.values(np.uint8, (20, 30))), f.constant(f.scale()), f.constant(f.zero(np.uint8)),
                      f.input(f.values(np.uint8, (20, 30))), f.constant(f.scale()), f.constant(f.zero(np.uint8)), f.constant(f.scale()), f.constant(f.zero(np.uint8))]
        f.case("uint8", f.node("QLinearWhere", parameters, domain=MS), np.uint8)
    scale, zero = f.constant(np.float32(0.1)), f.constant(np.int8(-7))
    parameters = [f.input(condition), f.input(f.values(np.int8, (20, 30))), scale, zero, f.input(f.values(np.int8, (20, 30))), scale, zero, scale, zero]
    f.case("int8, equal scales", f.node("QLinearWhere", parameters, domain=MS), np.int8)


def reduce_mean(f):
    f.peer = False
    for dtype in (np.uint8, np.int8):
        x, scale, zero, y_scale, y_zero = f.values(dtype, (4, 6, 10, 3)), f.scale(), f.zero(dtype), f.scale(), f.zero(dtype)
        for axes, keep in (([1, 2], 1), ([-1], 0)):
            mean = ((x.astype(np.float64) - zero) * np.float64(scale)).mean(axis=tuple(axes), keepdims=bool(keep))
            info = np.iinfo(dtype)
            wanted = np.clip(np.rint(mean / np.float64(y_scale)) + y_zero, info.min, info.max).astype(dtype)
            parameters = [f.input(x), f.constant(scale), f.constant(zero), f.constant(y_scale), f.constant(y_zero)]
            f.case(f"{np.dtype(dtype).name} {axes}", f.node("QLinearReduceMean", parameters, domain=MS, axes=axes, keepdims=keep), dtype, "steps", wanted)


def conv_scales(f, dtype, filters, per_filter):
    if not per_filter:
        return np.float32(f.rng.uniform(0.005, 0.03)), f.zero(dtype)
    return f.rng.uniform(0.002, 0.03, filters).astype(np.float32), np.full(filters, 128 if dtype == np.uint8 else 0, dtype)


def q_linear_conv(f, domain):
    for x_type, w_type in ((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)):
        for last in (0, 1) if domain else (0,):
            for size, filters, channels, attributes in ((3, 24, 20, dict(pads=[1, 1, 1, 1])), (1, 33, 17, {}), (3, 16, 16, dict(group=16, pads=[1, 1, 1, 1])),
                                                        (5, 12, 8, dict(strides=[2, 2], group=2)), (3, 8, 3, dict(dilations=[2, 2], pads=[2, 1, 0, 1]))):
                per_filter = bool(filters % 2 or last)
                if x_type == np.int8 and w_type == np.int8 and not per_filter:
                    per_filter = True
                w_scale, w_zero = conv_scales(f, w_type, filters, per_filter)
                weights = f.values(w_type, (filters, channels // attributes.get("group", 1), size, size))
                bias = f.rng.integers(-5000, 5000, filters).astype(np.int32)
                y_scale = np.float32(0.02 * channels * size)
                parameters = [f.input(images(f, last, channels, dtype=x_type)), f.constant(f.scale()), f.constant(f.zero(x_type)), f.constant(weights),
                              f.constant(w_scale), f.constant(w_zero), f.constant(y_scale), f.constant(f.zero(x_type))] + ([f.constant(bias)] if size != 1 else [])
                extra = dict(domain=MS, channels_last=last) if domain else {}
                f.case(f"{np.dtype(x_type).name} {np.dtype(w_type).name} {size}x{size} last {last} {attributes}", f.node("QLinearConv", parameters, **extra, **attributes), x_type)


def conv_integer(f):
    for w_type in (np.uint8, np.int8):
        for zeros in (True, False):
            parameters = [f.input(images(f, 0, 12)), f.constant(f.values(w_type, (15, 12, 3, 3)))]
            if zeros:
                parameters += [f.constant(np.uint8(131)), f.constant(w_type(7))]
            f.case(f"{np.dtype(w_type).name} zero points {zeros}", f.node("ConvInteger", parameters, pads=[1, 1, 1, 1]), np.int32)


def products(f, a, b):
    return [f.input(a), f.constant(b)]


def matmul_integer(f):
    for a_type, b_type in ((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)):
        for a, b in (((7, 64), (64, 33)), ((2, 3, 9, 40), (40, 16)), ((3, 5, 31), (3, 31, 17))):
            f.case(f"{a_type.__name__} {b_type.__name__} {a} {b}", f.node("MatMulInteger", products(f, f.values(a_type, a), f.values(b_type, b)) +
                   [f.constant(f.zero(a_type)), f.constant(f.zero(b_type))]), np.int32)
        columns = np.array([f.zero(b_type) for _ in range(33)], b_type)
        f.case(f"{a_type.__name__} {b_type.__name__} zero points a column", f.node("MatMulInteger", products(f, f.values(a_type, (7, 64)), f.values(b_type, (64, 33))) +
               [f.constant(f.zero(a_type)), f.constant(columns)]), np.int32)
    f.case("no zero points", f.node("MatMulInteger", [f.input(f.values(np.uint8, (9, 10))), f.input(f.values(np.uint8, (10, 11)))]), np.int32)


def q_linear_matmul(f):
    for a_type, b_type in ((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)):
        for a, b in (((7, 64), (64, 33)), ((2, 3, 9, 40), (40, 16)), ((100, 300), (300, 70))):
            for columns in (False, True):
                n = b[-1]
                b_scale = f.rng.uniform(0.002, 0.03, n).astype(np.float32) if columns else f.scale()
                b_zero = np.array([f.zero(b_type) for _ in range(n)], b_type) if columns else f.zero(b_type)
                parameters = [f.input(f.values(a_type, a)), f.constant(f.scale()), f.constant(f.zero(a_type)), f.constant(f.values(b_type, b)), f.constant(b_scale),
                              f.constant(b_zero), f.constant(np.float32(f.rng.uniform(2, 9))), f.constant(f.zero(a_type))]
                f.case(f"{a_type.__name__} {b_type.__name__} {a} {b} columns {columns}", f.node("QLinearMatMul", parameters), a_type)


def q_gemm(f):
    for a_type, b_type in ((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)):
        for trans_a, trans_b, c, quantized, columns in ((0, 0, "n", 1, 0), (0, 1, "n", 1, 1), (1, 0, "mn", 1, 0), (1, 1, "", 1, 1), (0, 1, "n", 0, 1), (0, 0, "", 0, 0), (0, 1, "m1", 1, 0)):
            m, k, n = 19, 70, 35
            a, b = f.values(a_type, (k, m) if trans_a else (m, k)), f.values(b_type, (n, k) if trans_b else (k, n))
            b_scale = f.rng.uniform(0.002, 0.03, n).astype(np.float32) if columns else f.scale()
            b_zero = np.array([f.zero(b_type) for _ in range(n)], b_type) if columns else f.zero(b_type)
            parameters = [f.input(a), f.constant(f.scale()), f.constant(f.zero(a_type)), f.constant(b), f.constant(b_scale), f.constant(b_zero)]
            shape = {"n": (n,), "mn": (m, n), "m1": (m, 1), "": None}[c]
            parameters += [f.constant(f.rng.integers(-90000, 90000, shape).astype(np.int32)) if shape else ""]
            if quantized:
                parameters += [f.constant(np.float32(f.rng.uniform(1, 5))), f.constant(f.zero(a_type))]
            f.case(f"{a_type.__name__} {b_type.__name__} trans {trans_a}{trans_b} C '{c}' quantized {quantized} columns {columns}",
                   f.node("QGemm", parameters, domain=MS, alpha=1.0 if c == "n" else 0.7, transA=trans_a, transB=trans_b), a_type if quantized else np.float32)


def dynamic_matmul(f):
    for b_type in (np.int8, np.uint8):
        for columns in (0, 1):
            b_scale = f.rng.uniform(0.002, 0.03, 33).astype(np.float32) if columns else f.scale()
            b_zero = np.array([f.zero(b_type) for _ in range(33)], b_type) if columns else f.zero(b_type)
            bias = f.constant(f.rng.normal(size=33).astype(np.float32))
            a = f.rng.normal(size=(2, 9, 64)).astype(np.float32)
            f.case(f"dynamic {b_type.__name__} columns {columns}", f.node("DynamicQuantizeMatMul", products(f, a, f.values(b_type, (64, 33))) +
                   [f.constant(b_scale), f.constant(b_zero), bias], domain=MS), np.float32, 1e-6)
            for a_type in (np.uint8, b_type):
                f.case(f"to float {a_type.__name__} {b_type.__name__} columns {columns}", f.node("MatMulIntegerToFloat", products(f, f.values(a_type, (7, 64)), f.values(b_type, (64, 33))) +
                       [f.constant(f.scale()), f.constant(b_scale), f.constant(f.zero(a_type)), f.constant(b_zero)] + ([bias] if columns else []), domain=MS), np.float32, 1e-6)


def matmul_nbits(f, float_zeros):
    f.peer = not float_zeros  # with float zero points ONNX Runtime's kernel for the CPU has 4 bits only
    kinds = ("float", "whole floats") if float_zeros else ("packed", None)
    for bits in (2, 4, 8):
        for number, (k, n, block, bias) in enumerate(((64, 24, 32, 0), (100, 17, 16, 1), (300, 33, 128, 1), (70, 16, 64, 0), (256, 8, 256, 0))):
            blocks, zero = -(-k // block), kinds[number % 2]
            weights = f.values(np.uint8, (n, blocks, block * bits // 8))
            scales = f.rng.uniform(0.01, 0.1, n * blocks).astype(np.float32)
            x, wanted = f.rng.normal(size=(2, 5, k)).astype(np.float32), None
            parameters = [f.input(x), f.constant(weights), f.constant(scales)]
            offset = f.rng.normal(size=n).astype(np.float32)
            if zero == "packed":
                parameters += [f.constant(f.values(np.uint8, n * -(-blocks * bits // 8)))]
            elif zero:
                zeros = (f.rng.uniform(0, 2 ** bits, n * blocks) if zero == "float" else f.rng.integers(0, 2 ** bits, n * blocks)).astype(np.float32)
                parameters += [f.constant(zeros)]
                numbers = np.unpackbits(weights, axis=-1, bitorder="little").reshape(n, blocks * block, bits) @ (1 << np.arange(bits))
                dense = (numbers.reshape(n, blocks, block) - zeros.reshape(n, blocks, 1).astype(np.float64)) * scales.reshape(n, blocks, 1)
                wanted = (x.astype(np.float64) @ dense.reshape(n, -1)[:, :k].T + (offset if bias else 0)).astype(np.float32)
            if bias:
                parameters += [""] * (5 - len(parameters)) + [f.constant(offset)]
            f.case(f"{bits} bits, K {k}, N {n}, blocks of {block}, zero points {zero}",
                   f.node("MatMulNBits", parameters, domain=MS, K=k, N=n, bits=bits, block_size=block), np.float32, 2e-6, wanted)


FAMILIES = {
    "quantize": quantize, "dequantize": dequantize, "dynamic_quantize": dynamic_quantize, "add": lambda f: binary(f, "QLinearAdd"),
    "mul": lambda f: binary(f, "QLinearMul"), "sigmoid": lambda f: table(f, "QLinearSigmoid"), "leaky_relu": lambda f: table(f, "QLinearLeakyRelu", alpha=0.1),
    "softmax": softmax, "average_pool": average_pool, "global_average_pool": global_average_pool, "concat": concat, "where": where,
    "reduce_mean": reduce_mean, "conv": lambda f: q_linear_conv(f, ""), "conv_channels_last": lambda f: q_linear_conv(f, MS), "conv_integer": conv_integer,
    "matmul_integer": matmul_integer, "q_linear_matmul": q_linear_matmul, "gemm": q_gemm, "dynamic_matmul": dynamic_matmul, "matmul_nbits": lambda f: matmul_nbits(f, False), "matmul_nbits_floats": lambda f: matmul_nbits(f, True),
    "binary_without_zeros": binary_without_zeros, **network_cases.FAMILIES, **attention_cases.FAMILIES, **classic_cases.FAMILIES, **form_cases.FAMILIES,
}


def make(name, seed):
    family = Family(name, seed)
    FAMILIES[name](family)
    return family
