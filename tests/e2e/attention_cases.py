"""Cases of tests/e2e/agree_on_operators: com.microsoft's Attention and MultiHeadAttention in the forms that ONNX Runtime's transformer optimizer writes."""
import numpy as np

MS = "com.microsoft"
ROUNDING = 5e-6  # of the largest: f32 products and exponentials in another order


def normal(f, *shape):
    return f.rng.normal(0, 1, shape).astype(np.float32)


def cases(f, op, inputs, label, presents, tolerance=ROUNDING, **attributes):
    y = f.node(op, inputs, presents, domain=MS, **attributes)
    f.case(label, y, np.float32, tolerance)
    for name in presents:
        f.case(f"{label}, {name}", y + name, np.float32, ROUNDING)


def attention(f):
    batch, length, width, heads, past = 3, 7, 24, 4, 5
    x = f.input(normal(f, batch, length, width))
    lengths = f.input(np.array([7, 1, 4], np.int32))
    raw = (f.rng.random((batch, length)) < 0.7).astype(np.int32)
    raw[1] = 0  # a line that is hidden whole
    square = (f.rng.random((batch, length, length)) < 0.7).astype(np.int32)
    past_mask = (f.rng.random((batch, length + past)) < 0.7).astype(np.int32)
    masks = {"no mask": "", "lengths": lengths, "a mask of keys": f.input(raw), "a mask of queries and keys": f.input(square)}
    for label, mask in masks.items():
        for causal in (0, 1):
            w, b = f.constant(normal(f, width, 3 * width) / 4), f.constant(normal(f, 3 * width))
            cases(f, "Attention", [x, w, b, mask], f"{label}, unidirectional {causal}", [], num_heads=heads, unidirectional=causal)
    w, b = f.constant(normal(f, width, 3 * width) / 4), f.constant(normal(f, 3 * width))
    added = f.input(normal(f, batch, heads, length, length))
    # In the line that is hidden whole, scores of about -10000 keep three digits behind the point.
    cases(f, "Attention", [x, w, b, masks["a mask of keys"], "", added], "a mask and scores added", [], 1e-3, num_heads=heads)
    cases(f, "Attention", [x, w, b], "scale", [], num_heads=heads, scale=0.3)
    w = f.constant(normal(f, width, 16 + 16 + 8) / 4)
    cases(f, "Attention", [x, w, f.constant(normal(f, 40))], "other sizes of values", [], num_heads=heads, qkv_hidden_sizes=[16, 16, 8])
    w, b = f.constant(normal(f, width, 3 * width) / 4), f.constant(normal(f, 3 * width))
    before = f.input(normal(f, 2, batch, heads, past, width // heads))
    cases(f, "Attention", [x, w, b, "", before], "past", ["_present"], num_heads=heads, unidirectional=1)
    cases(f, "Attention", [x, w, b, f.input(past_mask), before], "past and a mask", ["_present"], num_heads=heads)


def multi_head(f):
    batch, length, keys, width, heads, past = 2, 5, 6, 16, 4, 3
    size = width // heads
    q, k, v = (f.input(normal(f, batch, n, width)) for n in (length, keys, keys))
    self_k, self_v = f.input(normal(f, batch, length, width)), f.input(normal(f, batch, length, width))
    bias = f.constant(normal(f, 3 * width))
    lengths, raw = f.input(np.array([6, 2], np.int32)), f.input((f.rng.random((batch, keys)) < 0.7).astype(np.int32))
    cases(f, "MultiHeadAttention", [q, k, v], "three inputs", [], num_heads=heads)
    cases(f, "MultiHeadAttention", [q, k, v, bias], "bias", [], num_heads=heads, scale=0.4)
    cases(f, "MultiHeadAttention", [q, k, v, "", lengths], "lengths", [], num_heads=heads)
    cases(f, "MultiHeadAttention", [q, k, v, "", raw], "mask", [], num_heads=heads)
    cases(f, "MultiHeadAttention", [q, k, v, "", "", f.input(normal(f, 1, heads, length, keys))], "scores added", [], num_heads=heads)
    cases(f, "MultiHeadAttention", [q, self_k, self_v], "unidirectional", [], num_heads=heads, unidirectional=1)
    wide = f.input(normal(f, batch, keys, 2 * width))
    cases(f, "MultiHeadAttention", [q, k, wide], "wide values", [], num_heads=heads)
    before = [f.input(normal(f, batch, heads, past, size)) for _ in range(2)]
    cases(f, "MultiHeadAttention", [q, self_k, self_v, "", "", "", *before], "past", ["_keys", "_values"], num_heads=heads)
    cases(f, "MultiHeadAttention", [q, self_k, self_v, "", "", "", *before], "past, unidirectional", ["_keys", "_values"], num_heads=heads, unidirectional=1)
    split = [f.input(normal(f, batch, heads, keys, size)) for _ in range(2)]
    cases(f, "MultiHeadAttention", [q, *split], "keys in heads", [], num_heads=heads)


FAMILIES = {"attention": attention, "multi_head_attention": multi_head}
