"""The models of ../shared with inputs for them, and ONNX Runtime as a peer: what bench/vs_ort and tests/e2e/agree_with_ort share.

Where ../shared or ONNX Runtime is not at hand, Skip is raised with the one line to print.
"""
import json
import os
import pathlib
import subprocess
import sys
import zlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("SINTER_SHARED", ROOT / "../shared"))
ZOO = pathlib.Path(os.environ.get("SINTER_ZOO", ROOT / "build/zoo"))  # the zoo's graphs with their weights re-created
PEER = ROOT / "bench/ort/peer.mjs"
TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
         11: np.float64}

# Shapes of inputs that the model leaves open, by model name; several rows: several cases. A model without a row has none open.
SHAPES = {
    "silero_vad": [{"input": [1, 576], "state": [2, 1, 128]}, {"input": [3, 576], "state": [2, 3, 128]}],
    "silero_vad_16k_op15": [{"input": [1, 576], "state": [2, 1, 128]}],
    "yunet_n_dynamic": [{"input": [1, 3, 320, 320]}, {"input": [2, 3, 256, 384]}],
    "bert_base": [{"input_ids": [1, 128], "attention_mask": [1, 128]}, {"input_ids": [2, 37], "attention_mask": [2, 37]}],
    "efficientnet_b0": [{"input": [1, 3, 224, 224]}],
    "mobilenet_v3_small": [{"input": [1, 3, 224, 224]}, {"input": [3, 3, 224, 224]}],
    "resnet50": [{"input": [1, 3, 224, 224]}],
    "lstm": [{"x": [1, 50, 128]}, {"x": [4, 50, 128]}],
}
# How to fill inputs that are no images in [0,1), by input name.
VOCABULARY = 30522
FILLS = {
    "sr": lambda rng, shape: np.full(shape, 16000),
    "input_ids": lambda rng, shape: rng.integers(0, VOCABULARY, shape),
    "attention_mask": lambda rng, shape: np.arange(shape[1])[None, :] < np.maximum(1, shape[1] - 9 * np.arange(shape[0]))[:, None],
    "state": lambda rng, shape: rng.uniform(-0.5, 0.5, shape),
}


# The same for one input of one model: sound is in [-1,1).
SOUND = {"input": lambda rng, shape: rng.uniform(-1, 1, shape)}
MODEL_FILLS = {"silero_vad": SOUND, "silero_vad_16k_op15": SOUND}
# The networks of ../shared/models/quantized: images in BGR, less the means or not, and a small vocabulary.
QUANTIZED_FILLS = {"data_0": lambda rng, shape: rng.uniform(-120, 135, shape), "input": lambda rng, shape: rng.uniform(0, 255, shape),
                   "input_ids": lambda rng, shape: rng.integers(0, 1000, shape)}


class Skip(Exception):
    pass


def machine():
    """Processor and how much of it this process may use."""
    name, flags = "unknown processor", set()
    for line in open("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() in ("flags", "Features"):
            flags = set(value.split())
    isa = next((text for flag, text in (("amx_tile", "AMX"), ("avx512_vnni", "AVX-512 VNNI"), ("avx512f", "AVX-512"), ("avx2", "AVX2"))
                if flag in flags), "")
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} core{'s' if cores != 1 else ''}{', ' + isa if isa else ''}"


def file_name(tensor):
    return tensor.replace("/", "_").replace(":", "_") + ".npy"


def ensure_ort():
    result = subprocess.run([ROOT / "bench/ort/install"], text=True, capture_output=True)
    if result.returncode:
        raise Skip((result.stdout.strip().splitlines() or [result.stderr.strip()])[-1].removeprefix("skipped: "))


def run_peer(*args):
    result = subprocess.run(["node", PEER, *args], text=True, capture_output=True)
    if result.returncode:
        raise RuntimeError(f"ONNX Runtime: {' '.join(map(str, args))}: {result.stderr.strip()[-2000:]}")
    return result.stdout


def describe(model):
    return json.loads(run_peer("describe", model))


def infer(model, folders, level="all", threads=1):
    """Runs each folder's inputs; the results lie in FOLDER/LEVEL."""
    run_peer("infer", model, *folders, "--level", level, "--threads", str(threads))


def real_models():
    if not (SHARED / "models/real").is_dir():
        raise Skip("../shared is not here: pretrained models")
    return sorted((SHARED / "models/real").glob("*.onnx"))


def quantized_models():
    if not (SHARED / "models/quantized").is_dir():
        raise Skip("../shared is not here: quantized models")
    return sorted((SHARED / "models/quantized").glob("*.onnx"))


def zoo_names():
    return sorted(path.stem for path in (SHARED / "models/zoo").glob("*.json"))


def zoo_model(name):
    """The zoo's graph with its weights beside it, re-created (in about a second for 100 MB) when they are not there yet."""
    spec = SHARED / f"models/zoo/{name}.json"
    maker = SHARED / "tools/zoo/make_weights.py"
    if not spec.is_file() or not maker.is_file():
        raise Skip(f"../shared is not here: the zoo's {name}")
    ZOO.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-B", maker, "--out", ZOO, spec], check=True)
    return ZOO / f"{name}.onnx"


def find_model(text):
    """A path, or the name of a model of ../shared."""
    path = pathlib.Path(text)
    if path.suffix == ".onnx" and path.is_file():
        return path
    for folder in ("real", "quantized"):
        if (SHARED / f"models/{folder}/{text}.onnx").is_file():
            return SHARED / f"models/{folder}/{text}.onnx"
    return zoo_model(text)


def cases(model, inputs):
    """Shape overrides to run the model with; an open dimension of a model without a row becomes 1."""
    fixed = {item["name"]: [1 if n < 0 else n for n in item["shape"]] for item in inputs}
    return [{**fixed, **row} for row in SHAPES.get(model.stem, [{}])]


def make_inputs(model, inputs, shapes, folder, seed=1):
    """Writes seeded random inputs NAME.npy into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, zlib.crc32(model.stem.encode())])
    for item in inputs:
        shape, dtype = shapes[item["name"]], TYPES[item["type"]]
        own = QUANTIZED_FILLS if model.parent.name == "quantized" else MODEL_FILLS.get(model.stem, {})
        fill = own.get(item["name"]) or FILLS.get(item["name"], lambda rng, shape: rng.random(shape, dtype=np.float32))
        np.save(folder / file_name(item["name"]), np.asarray(fill(rng, shape)).astype(dtype).reshape(shape))


def shapes_text(shapes):
    """As `sinter build --shapes` takes it; scalars have no shape to give."""
    return ",".join(f"{name}:{'x'.join(map(str, dims))}" for name, dims in shapes.items() if dims)


def has_open_dimensions(inputs):
    return any(n < 0 for item in inputs for n in item["shape"])
