#!/usr/bin/python3
"""usage: examples/digits/train.py [--epochs N] [--out DIR]

Trains a small convolutional network on the UCI handwritten digits (8x8 grey images, in Debian's python3-sklearn) with numpy alone,
and writes digits.onnx, 300 held-out images as test/NNN.png and labels.csv. Those are committed; run this only to make them anew.

The 300 test images are drawn once, class by class, before anything is trained, and never seen in training. Input of the network:
`image`, float [batch,1,8,8] in [0,1] (a pixel of the PNGs divided by 255); output: `scores`, one per digit.
"""
import argparse
import pathlib
import struct
import zlib

import numpy as np
from sklearn.datasets import load_digits

import onnx_writer as onnx

HERE = pathlib.Path(__file__).resolve().parent
TEST_IMAGES = 300


def split(labels, rng):
    """Indices of the test set, as many of each class as its share, and of the rest."""
    test = []
    for digit in range(10):
        members = rng.permutation(np.flatnonzero(labels == digit))
        test.extend(members[: TEST_IMAGES // 10])
    test = np.array(sorted(test))
    return np.setdiff1d(np.arange(len(labels)), test), rng.permutation(test)


def patches(x):
    """[n,c,h,w] -> [n,h,w,c*9], the 3x3 neighbourhoods with zero padding."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))  # n c h w 3 3
    return np.ascontiguousarray(views.transpose(0, 2, 3, 1, 4, 5)).reshape(n, h, w, c * 9)


class Conv:
    def __init__(self, rng, cin, cout):
        self.w = rng.normal(0, np.sqrt(2 / (9 * cin)), (cout, cin, 3, 3)).astype(np.float32)
        self.b = np.zeros(cout, np.float32)
        self.params = [self.w, self.b]

    def forward(self, x):
        self.shape, self.columns = x.shape, patches(x)
        out = self.columns @ self.w.reshape(len(self.b), -1).T + self.b
        return out.transpose(0, 3, 1, 2)

    def backward(self, grad):
        n, c, h, w = self.shape
        flat = grad.transpose(0, 2, 3, 1).reshape(-1, len(self.b))
        self.grads = [(flat.T @ self.columns.reshape(len(flat), -1)).reshape(self.w.shape), flat.sum(0)]
        columns = (flat @ self.w.reshape(len(self.b), -1)).reshape(n, h, w, c, 3, 3)
        out = np.zeros((n, c, h + 2, w + 2), np.float32)
        for i in range(3):
            for j in range(3):
                out[:, :, i:i + h, j:j + w] += columns[..., i, j].transpose(0, 3, 1, 2)
        return out[:, :, 1:-1, 1:-1]


class Relu:
    params = grads = []

    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


class MaxPool:
    """2x2, stride 2."""
    params = grads = []

    def forward(self, x):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        out = blocks.max((3, 5))
        first = blocks == out[:, :, :, None, :, None]
        self.mask = first / first.sum((3, 5), keepdims=True)  # equal maxima share the gradient
        return out

    def backward(self, grad):
        out = (self.mask * grad[:, :, :, None, :, None]).astype(np.float32)
        n, c, h, _, w, _ = out.shape
        return out.reshape(n, c, h * 2, w * 2)


class GlobalAverage:
    params = grads = []

    def forward(self, x):
        self.shape = x.shape
        return x.mean((2, 3))

    def backward(self, grad):
        n, c, h, w = self.shape
        return np.broadcast_to(grad[:, :, None, None] / (h * w), self.shape).astype(np.float32)


class Dense:
    def __init__(self, rng, cin, cout):
        self.w = rng.normal(0, np.sqrt(1 / cin), (cout, cin)).astype(np.float32)
        self.b = np.zeros(cout, np.float32)
        self.params = [self.w, self.b]

    def forward(self, x):
        self.x = x
        return x @ self.w.T + self.b

    def backward(self, grad):
        self.grads = [grad.T @ self.x, grad.sum(0)]
        return grad @ self.w


def shifted(images, rng):
    """Each image moved by -1, 0 or 1 pixel in both directions: the training set's only augmentation."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.empty_like(images)
    moves = rng.integers(0, 3, (len(images), 2))
    for i, (dy, dx) in enumerate(moves):
        out[i] = padded[i, :, dy:dy + 8, dx:dx + 8]
    return out


def train(layers, images, labels, epochs, rng):
    """Adam with a cosine schedule, batches of 64."""
    moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in layer.params] for layer in layers]
    steps, step = epochs * (len(images) // 64), 0
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for begin in range(0, len(images) // 64 * 64, 64):
            pick = order[begin:begin + 64]
            x = shifted(images[pick], rng)
            for layer in layers:
                x = layer.forward(x)
            x = np.exp(x - x.max(1, keepdims=True))
            probability = x / x.sum(1, keepdims=True)
            total -= np.log(probability[np.arange(64), labels[pick]] + 1e-12).sum()
            probability[np.arange(64), labels[pick]] -= 1
            grad = (probability / 64).astype(np.float32)
            for layer in reversed(layers):
                grad = layer.backward(grad)
            step += 1
            rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for layer, pairs in zip(layers, moments):
                for param, gradient, (m, v) in zip(layer.params, layer.grads, pairs):
                    m += 0.1 * (gradient - m)
                    v += 0.001 * (gradient ** 2 - v)
                    param -= rate * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.999 ** step)) + 1e-8)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {total / (len(images) // 64 * 64):.4f}", flush=True)


def export(layers):
    """The network as an exporter would write it: symbolic batch, opset 17."""
    nodes, weights, value = [], {}, "image"
    kinds = {Conv: "conv", Relu: "relu", MaxPool: "pool", GlobalAverage: "average", Dense: "dense"}
    count = dict.fromkeys(kinds.values(), 0)
    for layer in layers:
        kind = kinds[type(layer)]
        count[kind] += 1
        name = f"{kind}{count[kind]}"
        inputs = [value]
        if layer.params:
            weights[f"{name}.weight"], weights[f"{name}.bias"] = layer.params
            inputs += [f"{name}.weight", f"{name}.bias"]
        if kind == "conv":
            nodes.append(onnx.node("Conv", inputs, [name], kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        elif kind == "relu":
            nodes.append(onnx.node("Relu", inputs, [name]))
        elif kind == "pool":
            nodes.append(onnx.node("MaxPool", inputs, [name], kernel_shape=[2, 2], strides=[2, 2]))
        elif kind == "average":
            nodes.append(onnx.node("GlobalAveragePool", inputs, [name]))
            nodes.append(onnx.node("Flatten", [name], ["features"], axis=1))
            name = "features"
        else:
            nodes.append(onnx.node("Gemm", inputs, ["scores"], transB=1))
            name = "scores"
        value = name
    return onnx.model("digits", nodes, weights, [("image", ["batch", 1, 8, 8])], [("scores", ["batch", 10])], 17,
                      "sinter examples/digits/train.py")


def png(image):
    """An 8-bit grey PNG."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    height, width = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    args = parser.parse_args()

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)  # the data set counts dots, 0 to 16
    images, labels = (pixels / np.float32(255)).astype(np.float32)[:, None], bunch.target
    rng = np.random.default_rng(20260101)
    rest, test = split(labels, rng)
    print(f"{len(rest)} images to train on, {len(test)} held out")

    layers = [Conv(rng, 1, 16), Relu(), Conv(rng, 16, 32), Relu(), MaxPool(), Conv(rng, 32, 32), Relu(), GlobalAverage(),
              Dense(rng, 32, 10)]
    train(layers, images[rest], labels[rest], args.epochs, rng)
    x = images[test]
    for layer in layers:
        x = layer.forward(x)
    right = int((x.argmax(1) == labels[test]).sum())
    print(f"held-out accuracy {right} of {len(test)} ({100 * right / len(test):.1f} %)")

    (args.out / "test").mkdir(parents=True, exist_ok=True)
    (args.out / "digits.onnx").write_bytes(export(layers))
    rows = ["file,label"]
    for i, index in enumerate(test):
        (args.out / f"test/{i:03}.png").write_bytes(png(pixels[index]))
        rows.append(f"test/{i:03}.png,{labels[index]}")
    (args.out / "labels.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
