"""Engines, contexts and streams."""
import json
import os
import threading

import numpy

import _sinter

Stream = _sinter.Stream


class DeviceTensor:
    """An output that lies in memory of its own, for other libraries: `torch.from_dlpack(tensor)`, `cupy.from_dlpack(tensor)`. It can be taken once."""

    def __init__(self, capsule, device):
        self._capsule = capsule
        self._device = device

    def __dlpack__(self, stream=None, **_):
        capsule, self._capsule = self._capsule, None
        if capsule is None:
            raise _sinter.InvalidArgumentError("DLPack: the tensor was taken already; ask the context for it again")
        return capsule

    def __dlpack_device__(self):
        return self._device


class Context(_sinter.Context):
    """One caller's memory, threads and state for runs of an engine.

    threads: 0 takes all cores this process may use. max_shapes: sets of input shapes that are kept ready. profile: takes every layer's time.
    optimization_profile: of engines that have several, the one to begin with.
    Threads that call one context take turns; contexts of one engine run side by side.
    """

    def __init__(self, engine, *, threads=0, max_shapes=8, profile=False, optimization_profile=0):
        if not isinstance(engine, Engine):
            raise _sinter.InvalidArgumentError(f"Context: found {type(engine).__name__}, expected an Engine")
        super().__init__(engine._handle, threads=threads, max_shapes=max_shapes, profile=profile, optimization_profile=optimization_profile)
        self._engine = engine

    @property
    def engine(self):
        return self._engine

    def profile(self):
        """A list of dicts, one a layer: layer, op, tactic, problem, runs, total_us, mean_us, median_us, min_us (microseconds), dense_ops, bytes, ..."""
        return json.loads(self._profile_json())

    def output_dlpack(self, name):
        """The output of the last run as a DeviceTensor: in GPU memory, without a copy, after keep_output_on_device(); else a copy in host memory."""
        capsule = self._output_dlpack(name)
        device = self._engine.device
        kind, _, number = device.partition(":")
        kept = kind == "cuda" and self._kept.get(name)
        return DeviceTensor(capsule, (2, int(number or 0)) if kept else (1, 0))

    def keep_output_on_device(self, name, keep=True):
        """Engines for CUDA: the output stays in GPU memory; take it with output_dlpack()."""
        super().keep_output_on_device(name, keep)
        self._kept[name] = keep

    @property
    def _kept(self):
        return self.__dict__.setdefault("_kept_outputs", {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Engine:
    """An engine: immutable, shared by any number of contexts and threads. Made by load(), Engine.from_bytes() and load_or_build().

    inputs, outputs: lists of TensorInfo. device: "cpu", "cuda:0".
    """

    __slots__ = ("_handle", "_contexts", "_profiles", "_lock", "__weakref__")

    def __init__(self, handle):
        if not isinstance(handle, _sinter.Engine):
            raise _sinter.InvalidArgumentError(f"Engine: found {type(handle).__name__}; make engines with sinter.load or sinter.load_or_build")
        self._handle = handle
        self._contexts = {}  # of infer(), by profile, not in use
        self._profiles = handle.optimization_profile_count
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path, *, verify="target", device=0, trust=None):
        """Maps an engine file, which must not be changed while the engine lives (replace it by renaming another over it).

        verify: "target" checks all that a run can touch, "metadata" all but the weights, "full" also the portable part. device: number of the GPU for
        engines for CUDA. trust: PEM files of public keys, comma-separated, whose engines' device code is loaded; "any": whoever made it.
        Raises InvalidEngineError (damaged, another version), TargetMismatchError (another machine), NotFoundError.
        """
        return cls(_sinter.Engine._load(os.fsdecode(path), verify, device, trust))

    @classmethod
    def from_bytes(cls, data, *, verify="target", device=0, trust=None):
        """From anything with a buffer: in place when it is read-only and aligned to 64 bytes (EngineBytes), else from a copy. Raises as load() does."""
        return cls(_sinter.Engine._from_memory(data, verify, device, trust))

    inputs = property(lambda self: self._handle.inputs)
    outputs = property(lambda self: self._handle.outputs)
    device = property(lambda self: self._handle.device)
    closed = property(lambda self: self._handle.closed)

    def input(self, name):
        """TensorInfo of an input; raises NotFoundError."""
        return _find(self.inputs, name, "input")

    def output(self, name):
        """TensorInfo of an output; raises NotFoundError."""
        return _find(self.outputs, name, "output")

    optimization_profile_count = property(lambda self: self._handle.optimization_profile_count, doc="ranges of shapes that the engine was built for, at least 1")

    def symbol_range(self, symbol, profile=0):
        """(min, opt, max) in elements of a symbol of the shapes ("batch") in an optimization profile; None: any size goes."""
        return self._handle.symbol_range(symbol, profile)

    def find_optimization_profile(self, shapes):
        """The number of the first profile that takes inputs of these shapes: a dict by input. Raises NotFoundError, which lists their ranges."""
        try:
            return self._handle._find_profile([list(shapes[io.name]) for io in self.inputs])
        except KeyError as missing:
            raise _sinter.InvalidArgumentError(f"find_optimization_profile: input {missing} has no shape") from None
        except TypeError as wrong:
            raise _sinter.InvalidArgumentError(f"find_optimization_profile: expected a dict of sequences of ints: {wrong}") from None

    def info(self):
        """Manifest, how well the engine matches this machine, sizes in bytes, and the layer report, as dicts and lists."""
        return json.loads(self._handle._info_json())

    def create_context(self, *, threads=0, max_shapes=8, profile=False, optimization_profile=0):
        return Context(self, threads=threads, max_shapes=max_shapes, profile=profile, optimization_profile=optimization_profile)

    def infer(self, inputs, outputs=None):
        """Runs the engine once; any number of threads may call it. See Context.infer. Contexts are made as they are needed, and kept."""
        profile = 0 if self._profiles == 1 else self._profile_for(inputs)
        with self._lock:
            idle = self._contexts.setdefault(profile, [])
            context = idle.pop() if idle else None
        if context is None:
            context = Context(self, optimization_profile=profile)
        try:
            return context.infer(inputs, outputs)
        finally:
            with self._lock:
                if not self._handle.closed:
                    idle.append(context)

    def _profile_for(self, inputs):
        """Of several the first that takes the inputs; else 0, which says what is wrong with them."""
        arrays = inputs if isinstance(inputs, dict) else {self.inputs[0].name: inputs}
        try:
            return self.find_optimization_profile({name: numpy.shape(array) for name, array in arrays.items()})
        except (_sinter.Error, ValueError):
            return 0

    def close(self):
        """Lets go of the engine, now and not when it is collected; its memory is freed when its contexts are closed, too."""
        with self._lock:
            self._contexts.clear()
            self._handle.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        if self.closed:
            return "<Engine, closed>"
        sides = [", ".join(f"'{io.name}' {io.type}" for io in side) for side in (self.inputs, self.outputs)]
        return f"<Engine on {self.device}: {sides[0]} -> {sides[1]}>"


def _find(infos, name, kind):
    for info in infos:
        if info.name == name:
            return info
    names = ", ".join(f"'{info.name}'" for info in infos) or "none"
    raise _sinter.NotFoundError(f"{kind} {name!r} does not exist; the engine has {names}")


def load(source, **options):
    """Loads an engine from a file (str, Path) or from bytes. Options and errors as of Engine.load()."""
    if isinstance(source, (str, os.PathLike)):
        return Engine.load(source, **options)
    return Engine.from_bytes(source, **options)
