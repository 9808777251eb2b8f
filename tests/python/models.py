"""Models that the tests make, as bytes, by the writer of examples/digits."""
import numpy as np
import onnx_writer as onnx


def add(shape=(1, 16)):
    return onnx.model("add", [onnx.node("Add", ["a", "b"], ["y"])], {}, [("a", list(shape)), ("b", list(shape))], [("y", list(shape))], 17, "test")


def identity(kind, shape, op="Identity"):
    """One node that passes values of an element type on."""
    return onnx.model("pass", [onnx.node(op, ["x"], ["y"])], {}, [("x", list(shape), kind)], [("y", list(shape), kind)], 21, "test", 10)


def nonzero():
    """An output whose shape depends on data."""
    return onnx.model("nonzero", [onnx.node("NonZero", ["x"], ["where"]), onnx.node("Relu", ["x"], ["y"])], {}, [("x", [2, 3])],
                      [("where", [2, "n"], onnx.INT64), ("y", [2, 3])], 17, "test")


def conv_net(batch=1, size=16, channels=3, classes=10, seed=7):
    """Two convolutions with ReLU, an average and a dense layer: input "input", output "output". batch and size may be names of symbols."""
    rng = np.random.default_rng(seed)
    weights = {
        "w1": rng.normal(0, 0.3, (8, channels, 3, 3)).astype(np.float32), "b1": rng.normal(0, 0.1, 8).astype(np.float32),
        "w2": rng.normal(0, 0.2, (16, 8, 3, 3)).astype(np.float32), "b2": rng.normal(0, 0.1, 16).astype(np.float32),
        "w3": rng.normal(0, 0.3, (16, classes)).astype(np.float32), "b3": rng.normal(0, 0.1, classes).astype(np.float32),
    }
    nodes = [
        onnx.node("Conv", ["input", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1], strides=[2, 2]), onnx.node("Relu", ["c1"], ["r1"]),
        onnx.node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1]), onnx.node("Relu", ["c2"], ["r2"]),
        onnx.node("GlobalAveragePool", ["r2"], ["p"]), onnx.node("Flatten", ["p"], ["f"]), onnx.node("Gemm", ["f", "w3", "b3"], ["output"]),
    ]
    height, width = (size, size) if isinstance(size, int) else (size + "_h", size + "_w")
    return onnx.model("conv_net", nodes, weights, [("input", [batch, channels, height, width])], [("output", [batch, classes])], 17, "test"), weights


def conv_net_values(weights, x):
    """What conv_net computes, in float64."""
    def conv(value, kernel, bias, stride):
        padded = np.pad(value, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::stride, ::stride]
        return np.einsum("nchwij,ocij->nohw", windows, kernel.astype(np.float64)) + bias.astype(np.float64).reshape(1, -1, 1, 1)

    value = np.maximum(conv(x.astype(np.float64), weights["w1"], weights["b1"], 2), 0)
    value = np.maximum(conv(value, weights["w2"], weights["b2"], 1), 0)
    return value.mean(axis=(2, 3)) @ weights["w3"].astype(np.float64) + weights["b3"].astype(np.float64)
