"""Cases of tests/e2e/agree_on_operators: ONNX's operators in float and integers at sizes 0, 1, odd and large, with NaN, infinities, denormals and zeros of both signs, and in
the forms of their attributes. Where ONNX Runtime departs from the specification the form is left out, with the reason beside it.
"""
import numpy as np

SPECIAL = [np.nan, np.inf, -np.inf, 1e-45, -1e-45, 0.0, -0.0, 3e38, -3e38, 1.5, -2.5, 0.5]
SHAPES = ((0,), (1,), (17,), (3, 0, 5), (1, 1), (3, 5, 7), (70001,), (257, 263))
ROUNDING = 1e-5  # of the largest: f32 in another order
CLOSE = 2e-4     # exponentials and sums over long axes
UNARY = {"Abs": 0, "Ceil": 0, "Floor": 0, "Neg": 0, "Relu": 0, "Round": 0, "Sign": 0, "Identity": 0, "LeakyRelu": ROUNDING, "Exp": ROUNDING, "Log": ROUNDING, "Sqrt": ROUNDING,
         "Reciprocal": ROUNDING, "Sigmoid": ROUNDING, "Tanh": ROUNDING, "Erf": ROUNDING, "Softplus": ROUNDING, "Softsign": ROUNDING, "Elu": ROUNDING, "Selu": ROUNDING,
         "HardSigmoid": ROUNDING, "HardSwish": ROUNDING, "ThresholdedRelu": 0, "Atan": ROUNDING, "Asinh": ROUNDING, "Mish": ROUNDING, "Gelu": ROUNDING}


def plain(f, shape, most=4.0):
    return f.rng.uniform(-most, most, shape).astype(np.float32)


def special(f, shape):
    """Random numbers, a third of them special."""
    x = plain(f, shape)
    flat = x.reshape(-1)
    places = f.rng.random(flat.size) < 0.34
    flat[places] = f.rng.choice(np.float32(SPECIAL), int(places.sum()))
    return x


def add(f, label, op, inputs, kind=np.float32, tolerance=None, **attributes):
    """Arrays become inputs, names stay."""
    names = [x if isinstance(x, str) else f.input(x) for x in inputs]
    f.case(label, f.node(op, names, **attributes), kind, tolerance or None)


def begin(f, opset):
    f.opset = opset
    f.domains = {}


def unary(f):
    begin(f, 20)
    for make in (plain, special):
        for shape in SHAPES if make is plain else SHAPES[2:]:
            x = f.input(make(f, shape))
            for op, tolerance in UNARY.items():
                add(f, f"{op} of {list(shape)}, {make.__name__}", op, [x], tolerance=tolerance)


def predicates(f):
    begin(f, 20)
    for shape in SHAPES:
        x, y = f.input(special(f, shape)), f.input(special(f, shape))
        for op in ("IsNaN", "IsInf"):
            add(f, f"{op} of {list(shape)}", op, [x], np.bool_)
        for op in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"):
            add(f, f"{op} of {list(shape)}", op, [x, y], np.bool_)


def binary_floats(f):
    begin(f, 20)
    pairs = (((), ()), ((0, 3), (1, 3)), ((1,), (17,)), ((5, 1, 7), (3, 1)), ((3, 5, 7), (3, 5, 7)), ((70001,), (1,)), ((257, 1), (1, 263)))
    for left, right in pairs:
        for make in (plain, special):
            x, y = f.input(make(f, left)), f.input(make(f, right))
            for op in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
                add(f, f"{op} of {list(left)} and {list(right)}, {make.__name__}", op, [x, y])
            add(f, f"Mod of {list(left)} and {list(right)}, {make.__name__}", "Mod", [x, y], tolerance=ROUNDING, fmod=1)


def binary_integers(f):
    begin(f, 20)
    for kind in (np.int32, np.int64, np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.uint64):
        info = np.iinfo(kind)
        for left, right in (((0,), (1,)), ((17,), (17,)), ((5, 1), (1, 7)), ((70001,), (70001,))):
            x, y = f.values(kind, left), f.values(kind, right)
            # No division by zero, nor of the least by -1, which the specification leaves open.
            y[(y == 0) | (y == -1 if info.min else y == 0)] = 3
            x, y = f.input(x), f.input(y)
            for op in ("Add", "Sub", "Mul", "Div", *(("Max", "Min") if info.bits != 16 else ()), "Mod"):
                add(f, f"{op} of {kind.__name__}{list(left)}", op, [x, y], kind)


def reductions(f):
    begin(f, 20)
    ops = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceLogSum")
    for shape, axes in (((1,), [0]), ((17, 3), [0]), ((17, 3), [-1]), ((3, 5, 7), [0, 2]), ((3, 5, 7), [1]), ((70001,), [0]), ((9, 4001), [1]), ((3, 0), [1]), ((0, 3), [1]), ((2, 3), [])):
        for op in ops:
            if 0 in shape and axes == [1] and shape[1] == 0 and op == "ReduceMean":
                continue  # ONNX Runtime has 0 for the mean of nothing
            x = plain(f, shape, 1.0)
            x = np.abs(x) + 0.5 if op == "ReduceLogSum" else x
            if op == "ReduceProd":
                x = np.where(x > 0, np.float32(1.0001), np.float32(0.9999))
            for keep in (0, 1):
                add(f, f"{op} of {list(shape)} over {axes}, keepdims {keep}", op, [f.input(x), f.constant(np.array(axes, np.int64))], tolerance=CLOSE, keepdims=keep,
                    **({"noop_with_empty_axes": keep} if op == "ReduceSum" else {}))
    x = f.input(special(f, (40, 9)))
    for op in ("ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2"):  # of NaN, ONNX Runtime's ReduceMax and ReduceMin give what the order of elements decides
        add(f, f"{op}, special", op, [x, f.constant(np.array([1], np.int64))], tolerance=CLOSE)


def softmaxes(f):
    begin(f, 20)
    for op in ("Softmax", "LogSoftmax"):
        for shape, axis in (((1,), 0), ((0, 3), 1), ((17, 5), 0), ((17, 5), -1), ((3, 5, 7), 1), ((2, 70001), 1), ((70001, 2), 1)):
            add(f, f"{op} of {list(shape)} along {axis}", op, [plain(f, shape, 30.0)], tolerance=CLOSE, axis=axis)
        x = plain(f, (12, 9))
        x[0, 3], x[1, :2], x[2, 4], x[3] = np.inf, -np.inf, np.nan, 1e30
        add(f, f"{op}, special", op, [x], tolerance=CLOSE)


def moves(f):
    begin(f, 20)
    for kind in (np.float32, np.float16, np.int8, np.uint8, np.int32, np.int64, np.bool_):
        for rows, columns in ((1, 1), (17, 5), (0, 4), (301, 233)):
            x = f.input((plain(f, (rows, columns)) * 9).astype(kind))
            where = f"{kind.__name__}[{rows},{columns}]"
            i64 = lambda *v: f.constant(np.array(v, np.int64))  # noqa: E731
            add(f, f"Transpose of {where}", "Transpose", [x], kind)
            add(f, f"Concat of {where}", "Concat", [x, x], kind, axis=-1)
            add(f, f"Slice of {where} from its end", "Slice", [x, i64(-1, 0), i64(-1000, 2 ** 62), i64(0, 1), i64(-1, 2)], kind)
            add(f, f"Tile of {where}", "Tile", [x, i64(2, 3)], kind)
            add(f, f"Expand of {where}", "Expand", [x, i64(3, 1, 1)], kind)
            add(f, f"Reshape of {where}", "Reshape", [x, i64(columns, rows)], kind, allowzero=1)
            add(f, f"Pad of {where}", "Pad", [x, i64(1, 0, 2, 3)], kind)
            if rows:
                add(f, f"Pad of {where} by its edges", "Pad", [x, i64(1, 0, 0, 3)], kind, mode="edge")
                add(f, f"Gather of {where}", "Gather", [x, i64(-1, 0, -rows)], kind)
                add(f, f"GatherElements of {where}", "GatherElements", [x, f.constant(f.rng.integers(-rows, rows, (3, columns)))], kind)
                add(f, f"GatherND of {where}", "GatherND", [x, f.constant(np.array([[0, -1], [-1, 0]], np.int64))], kind)


def orders(f):
    begin(f, 20)
    for shape in ((1,), (17,), (5, 9), (3, 7001)):
        x = f.rng.permutation(int(np.prod(shape))).astype(np.float32).reshape(shape)
        x.reshape(-1)[0] = -np.inf
        for largest in (0, 1):
            name = f.node("TopK", [f.input(x), f.constant(np.array([min(4, shape[-1])], np.int64))], ["_places"], largest=largest)
            f.case(f"TopK of {list(shape)}, largest {largest}", name, np.float32)
            f.case(f"TopK of {list(shape)}, largest {largest}, places", name + "_places", np.int64)
        for last in (0, 1):
            ties = f.input(f.rng.integers(0, 3, shape).astype(np.float32))
            for op in ("ArgMax", "ArgMin"):  # of NaN the specification says nothing: NumPy takes it, ONNX Runtime does not
                add(f, f"{op} of {list(shape)}, last {last}", op, [ties], np.int64, axis=-1, select_last_index=last)
        for how in range(4):
            add(f, f"CumSum of {list(shape)}, {how}", "CumSum", [plain(f, shape), f.constant(np.array(-1, np.int64))], tolerance=CLOSE, exclusive=how % 2, reverse=how // 2)


def pools(f):
    begin(f, 22)
    for dims in ((1,), (9,), (9, 8), (7, 6, 5), (65, 67)):
        count = len(dims)
        kernel = [min(3, n) for n in dims]
        forms = ({"pads": [1] * count + [0] * count} if min(dims) > 2 else {}, {"strides": [2] * count, "auto_pad": "SAME_UPPER"}, {"strides": [2] * count, "ceil_mode": 1}, {"auto_pad": "VALID"},
                 {"dilations": [2] * count} if min(dims) > 4 else {})
        for shape in ((2, 3, *dims), (0, 3, *dims)):
            x = f.input(plain(f, shape))
            for form in forms:
                for op in ("MaxPool", "AveragePool", "LpPool"):
                    add(f, f"{op} of {list(shape)}, {form}", op, [x], tolerance=ROUNDING, kernel_shape=kernel, **form)
    infinite = np.where(f.rng.random((1, 2, 9, 9)) < 0.3, np.float32(-np.inf), plain(f, (1, 2, 9, 9)))
    add(f, "MaxPool of -inf", "MaxPool", [infinite], kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def products(f):
    begin(f, 20)
    for left, right in (((3,), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((1, 1), (1, 1)), ((2, 3), (3,)), ((3,), (4, 3, 2)), ((2, 1, 2, 3), (3, 3, 4)), ((17, 131), (131, 33)), ((4, 65, 70), (70, 129))):
        add(f, f"MatMul of {list(left)} and {list(right)}", "MatMul", [plain(f, left, 1), plain(f, right, 1)], tolerance=CLOSE)
    wild = plain(f, (9, 17), 1)
    wild[2, 3], wild[4, 5], wild[6, 7] = np.nan, np.inf, -np.inf
    add(f, "MatMul, special", "MatMul", [wild, f.constant(plain(f, (17, 33), 1))], tolerance=CLOSE)
    for dims, form in (((7,), {}), ((7, 6), {"strides": [2, 1], "pads": [1, 0, 1, 2]}), ((33, 31), {"dilations": [2, 3]}), ((5, 4, 6), {"auto_pad": "SAME_UPPER", "strides": [2, 2, 2]}), ((1, 1), {"pads": [1, 1, 1, 1]})):
        for batch, group in ((1, 1), (3, 2), (0, 1), (1, 4)):
            weights = plain(f, (8, 4 // group, *([2] * len(dims))), 1)
            add(f, f"Conv of {batch} of {list(dims)}, group {group}, {form}", "Conv", [plain(f, (batch, 4, *dims), 1), f.constant(weights), f.constant(plain(f, 8, 1))], tolerance=CLOSE, group=group, **form)
    image = plain(f, (1, 4, 9, 9), 1)
    image[0, 1, 4, 4], image[0, 2, 0, 0] = np.nan, np.inf
    add(f, "Conv, special", "Conv", [image, f.constant(plain(f, (8, 4, 3, 3), 1))], tolerance=CLOSE)


def nearest(f):
    """Positions on integers and halves: scales whose single-precision inverses are just beside them."""
    begin(f, 19)
    for coordinates in ("half_pixel", "pytorch_half_pixel", "asymmetric"):  # align_corners of scales and half_pixel_symmetric: see docs/decisions.md
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            for height, width in ((5, 7), (13, 24), (1, 49)):
                x = f.input(np.arange(height * width, dtype=np.float32).reshape(1, 1, height, width))
                for down, across in ((1.7, 0.6), (2, 3), (1.1, 2.4)):
                    scales = f.constant(np.array([1, 1, down, across], np.float32))
                    sizes = f.constant(np.array([1, 1, int(height * down), int(width * across)], np.int64))
                    for inputs in ([x, "", scales], [x, "", "", sizes]):
                        add(f, f"{coordinates}, {rounding}, {height}x{width} by {down}, {across}, {len(inputs)} inputs", "Resize", inputs, coordinate_transformation_mode=coordinates, nearest_mode=rounding)


def spectra(f):
    """ONNX Runtime transforms in single precision, primes by convolution: 509 is one."""
    begin(f, 20)
    for length in (1, 2, 3, 8, 17, 60, 67, 128, 1018):
        axis = f.constant(np.array(1, np.int64))
        for inverse in (0, 1):
            add(f, f"DFT of {length}, inverse {inverse}", "DFT", [plain(f, (2, length, 2)), "", axis], tolerance=CLOSE if length < 1000 else 5 * CLOSE, inverse=inverse)
        add(f, f"DFT of {length} reals, onesided", "DFT", [plain(f, (2, length, 1)), "", axis], tolerance=CLOSE if length < 1000 else 5 * CLOSE, onesided=1)


FAMILIES = {"unary_forms": unary, "predicates": predicates, "binary_floats": binary_floats, "binary_integers": binary_integers, "reductions": reductions, "softmaxes": softmaxes, "moves": moves,
            "orders": orders, "pools": pools, "products": products, "nearest": nearest, "spectra": spectra}
