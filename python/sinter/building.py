"""Building engines."""
import contextlib
import json
import os
import tempfile

import _sinter

from .running import Engine


class Calibrator:
    """Samples that int8 is calibrated with. Override next_batch(); set the attributes, or pass them.

    algorithm: "entropy", "minmax", "percentile" or "mse". percentile: of "percentile", 99.99 by default. cache: a file that the ranges are written to; when
    it has entries they are used instead of samples.
    """

    algorithm = None
    percentile = None
    cache = None

    def __init__(self, *, algorithm=None, percentile=None, cache=None):
        if algorithm is not None:
            self.algorithm = algorithm
        if percentile is not None:
            self.percentile = percentile
        if cache is not None:
            self.cache = cache

    def next_batch(self, names):
        """The next samples, or None when there are no more: a dict of arrays by input, a list of arrays in the order of `names`, or the one array.

        Arrays have the input's element type and shape; several samples may lie along the leading dimension. Exceptions end the build, and are the build's.
        """
        raise NotImplementedError("a calibrator must override next_batch")


class BuildOptions:
    """How an engine is built. Every option is an attribute and a keyword of build(), build_to_memory() and load_or_build(); None leaves the default.

    device             "cpu" (default), "cuda", "cuda:N"
    threads            0 (default): all cores this process may use
    fp16, bf16, int8   True: these precisions are allowed. best: all of them where ranges are known. fp8: values with ranges pass through f8e4m3fn
    tf32               False: f32 is computed in full (default True: with TF32's accuracy or better)
    strongly_typed     the model's own types alone
    shapes             {"input": (1, 3, 224, 224)}: shapes of dynamic inputs, and what is tuned for; "input:1x3x224x224,..." is taken, too
    min_shapes, max_shapes   the ends of the ranges of dynamic inputs, same form; left out: any size
    optimization_profiles   several such ranges instead: [{"min": {...}, "opt": {...}, "max": {...}}, ...]; the engine has a plan tuned for each
    shapes_to_warm     a list of such dicts: shapes that contexts of the engine make ready for when they are created
    dynamic_batch      a fixed leading 1 of the inputs becomes dynamic
    timing_cache       a file that is read and updated
    workspace_bytes    the most scratch memory of a layer; max_build_memory_bytes: of the builder
    calibrator         a Calibrator for int8; or calib_data, a folder of pictures or .npy, with preprocess, a JSON file
    calib_cache, calib_algorithm, calib_percentile, calib_batch, calib_max_samples, calib_labels, int8_placeholders
    max_drop, min_cosine, accuracy_check, latency_ms   targets of accuracy and speed; accuracy_check(engine_path) -> bool
    float_layers, precision_constraints, layer_precisions, layer_output_types   types of single layers, as of trtexec
    plugins            libraries of operators (sinter/plugin.h) to load before; check_plugins: their kernels are tried first, between guard pages
    strict_nans, target_only, fallback ("reference", "error", "cpu"), tactic_sources, hardware_compatibility, target, trust, strict
    cache_dir          of load_or_build: a folder of engines; the one for this model, these options and this machine is loaded, or built and kept there.
                       cache_bytes: what was not used for longest goes beyond so many (default 8 GiB)
    progress           progress(phase, done, total) is called now and then (total 0: unknown); False stops the build: CancelledError
    report_path, verbose, trace_passes, disabled_passes, tactic_filter   for diagnosis
    """

    _NAMES = frozenset("""device threads fp16 bf16 int8 best fp8 tf32 strongly_typed shapes min_shapes max_shapes optimization_profiles shapes_to_warm dynamic_batch timing_cache workspace_bytes
        max_build_memory_bytes calibrator calib_data preprocess calib_cache calib_algorithm calib_percentile calib_batch calib_max_samples calib_labels
        int8_placeholders max_drop min_cosine accuracy_check latency_ms float_layers precision_constraints layer_precisions layer_output_types strict_nans
        target_only fallback tactic_sources hardware_compatibility target trust strict progress report_path verbose trace_passes disabled_passes tactic_filter
        cache_dir cache_bytes plugins check_plugins""".split())
    __slots__ = tuple(sorted(_NAMES))

    def __init__(self, **options):
        for name in self.__slots__:
            object.__setattr__(self, name, None)
        for name, value in options.items():
            setattr(self, name, value)

    def __setattr__(self, name, value):
        if name not in self._NAMES:
            raise _sinter.InvalidArgumentError(f"build option '{name}' does not exist; there are {', '.join(sorted(self._NAMES))}")
        object.__setattr__(self, name, value)

    def copy(self, **changes):
        """The same options with some of them changed."""
        made = BuildOptions(**{name: getattr(self, name) for name in self._NAMES})
        for name, value in changes.items():
            setattr(made, name, value)
        return made

    def _given(self):
        return {name: getattr(self, name) for name in self._NAMES if getattr(self, name) is not None}


_PATHS = ("timing_cache", "cache_dir", "calib_data", "preprocess", "calib_cache", "calib_labels", "report_path")
_LISTS = ("float_layers", "disabled_passes", "tactic_filter", "tactic_sources", "layer_precisions", "layer_output_types", "trust", "plugins")
_CALLABLES = ("progress", "accuracy_check")


def _shapes_text(name, value):
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise _sinter.InvalidArgumentError(f"build option {name}: found {type(value).__name__}, expected a dict of shapes by input, or str")
    items = []
    for key, shape in value.items():
        try:
            dims = [int(dim.__index__()) for dim in shape]
        except (TypeError, AttributeError):
            raise _sinter.InvalidArgumentError(f"build option {name}: input {key!r} has {shape!r}, expected a sequence of ints") from None
        if not isinstance(key, str) or "," in key:
            raise _sinter.InvalidArgumentError(f"build option {name}: the name {key!r} of an input is no str, or has a comma in it")
        items.append(f"{key}:{'x'.join(map(str, dims))}")
    return ",".join(items)


def _profile_text(number, profile):
    name = f"optimization_profiles[{number}]"
    if not isinstance(profile, dict) or not set(profile) <= {"min", "opt", "max"}:
        raise _sinter.InvalidArgumentError(f"build option {name}: found {profile!r}, expected a dict with 'min', 'opt' and 'max'")
    return tuple(_shapes_text(f"{name}['{end}']", profile[end]) if profile.get(end) is not None else None for end in ("min", "opt", "max"))


def _samples_of(calibrator, model):
    names = [io["name"] for io in inspect(model).get("inputs", [])]

    def samples(count):
        batch = calibrator.next_batch(list(names))
        if batch is None:
            return None
        if isinstance(batch, dict):
            if set(batch) != set(names):
                raise _sinter.InvalidArgumentError(f"calibration: a batch has the inputs {sorted(batch)}, expected {sorted(names)}")
            return [batch[name] for name in names]
        if isinstance(batch, (list, tuple)):
            return list(batch)
        return [batch] if count == 1 else batch

    return samples


def _native(options, model, keywords):
    """The dict that the module takes."""
    if options is None:
        options = BuildOptions()
    if not isinstance(options, BuildOptions):
        raise _sinter.InvalidArgumentError(f"build: found {type(options).__name__} for the options, expected BuildOptions")
    native = {}
    for name, value in options.copy(**keywords)._given().items():
        if name == "calibrator":
            if not callable(getattr(value, "next_batch", None)):
                raise _sinter.InvalidArgumentError(f"build option calibrator: found {type(value).__name__}, expected a Calibrator")
            native["samples"] = _samples_of(value, model)
            given = {"calib_cache": value.cache, "calib_algorithm": value.algorithm, "calib_percentile": value.percentile}
            for key, own in given.items():
                if own is not None:
                    native.setdefault(key, os.fsdecode(own) if key == "calib_cache" else own)
        elif name in ("shapes", "min_shapes", "max_shapes"):
            native[name] = _shapes_text(name, value)
        elif name == "shapes_to_warm":
            native[name] = value if isinstance(value, str) else ";".join(_shapes_text(name, shapes) for shapes in value)
        elif name == "optimization_profiles":
            native[name] = [_profile_text(number, profile) for number, profile in enumerate(value)]
        elif name in _CALLABLES and not callable(value):
            raise _sinter.InvalidArgumentError(f"build option {name}: found {type(value).__name__}, expected a callable")
        elif name in _PATHS:
            try:
                native[name] = os.fsdecode(value)
            except TypeError:
                raise _sinter.InvalidArgumentError(f"build option {name}: found {type(value).__name__}, expected a path") from None
        elif name in _LISTS and isinstance(value, (list, tuple)):
            native[name] = ",".join(value)
        else:
            native[name] = value
    return native


@contextlib.contextmanager
def _model_file(model):
    """The path of a model that is a path, or bytes (external data is then refused)."""
    if isinstance(model, (str, os.PathLike)):
        yield os.fsdecode(model)
        return
    if hasattr(model, "SerializeToString"):
        model = model.SerializeToString()
    try:
        data = memoryview(model).cast("B")
    except TypeError:
        raise _sinter.InvalidArgumentError(f"the model: found {type(model).__name__}, expected a path, bytes or a ModelProto") from None
    with tempfile.TemporaryDirectory(prefix="sinter-") as folder:
        path = os.path.join(folder, "model.onnx")
        with open(path, "wb") as file:
            file.write(data)
        yield path


def build(model, path, options=None, **keywords):
    """Builds an engine file from a model: a path of an .onnx file (or of an engine, which is tuned again), bytes, or a ModelProto.

    Options as of BuildOptions. A failure leaves no file, or the one that was there. Ctrl-C stops a build (KeyboardInterrupt), as does an exception of a
    callback. Raises InvalidModelError, UnsupportedError, InvalidArgumentError, NotFoundError, IoError, OutOfMemoryError, CancelledError.
    """
    with _model_file(model) as file:
        _sinter._build(file, os.fsdecode(path), _native(options, file, keywords))


def build_to_memory(model, options=None, **keywords):
    """The same into EngineBytes, which Engine.from_bytes() loads in place."""
    with _model_file(model) as file:
        return _sinter._build_to_memory(file, _native(options, file, keywords))


def load_or_build(model, options=None, **keywords):
    """The Engine of a model, which is built, or of an engine file, which is loaded, and tuned in memory when it is of another machine."""
    with _model_file(model) as file:
        return Engine(_sinter._load_or_build(file, _native(options, file, keywords)))


def calibrate(model, options=None, **keywords):
    """Finds the ranges of a model's tensors from samples (calibrator, or calib_data) and writes calib_cache.

    Returns a dict: algorithm, samples, skipped, seconds, tensors {name: range}, warnings.
    """
    with _model_file(model) as file:
        return json.loads(_sinter._calibrate_json(file, _native(options, file, keywords)))


def inspect(model):
    """What is in a model or an engine file, as a dict: kind, inputs, outputs, operators, ..."""
    with _model_file(model) as file:
        return json.loads(_sinter._inspect_json(file))


def check(model):
    """All problems of a model: {"problems": [{"node", "operator", "message"}], "coverage": {...}}. An empty list: the model can be built."""
    with _model_file(model) as file:
        return json.loads(_sinter._check_json(file))


def operators():
    """Every operator that models may hold: dicts with domain, name, since, inputs, outputs, types, attributes."""
    return json.loads(_sinter._operators_json())["operators"]


def value_types(model):
    """{name: (element type, shape)} of every value of a model's graph: 'f32' and a tuple with -1 for dynamic sizes, each None where it is not known."""
    with _model_file(model) as file:
        return _sinter._value_types(file)


def simplify(model, path, *, input_shapes=None, test_shapes=None, checks=1, skip_constant_folding=False, skip_fuse_batch_norm=False, skip_optimization=False,
             skipped=None, unused_outputs=None, opset=0):
    """Writes to `path` a model that computes the same with fewer nodes, and compares the two on `checks` random inputs.

    Shapes are dicts by input, or text as of BuildOptions. Returns a dict: before, after {nodes, operators, ...}, passes, check {runs, agrees, ...}. A difference is no
    failure: check["agrees"] is False.
    """
    options = {"checks": checks, "skip_constant_folding": skip_constant_folding, "skip_fuse_batch_norm": skip_fuse_batch_norm,
               "skip_optimization": skip_optimization, "opset": opset}
    for name, shapes in (("input_shapes", input_shapes), ("test_shapes", test_shapes)):
        options[name] = _shapes_text(name, shapes) if shapes else None
    for name, names in (("skipped", skipped), ("unused_outputs", unused_outputs)):
        options[name] = ",".join(names) if isinstance(names, (list, tuple)) and names else names or None
    with _model_file(model) as file:
        return json.loads(_sinter._simplify_json(file, os.fsdecode(path), options))
