"""The package onnxsim over Sinter's simplification: simplify(), and `python3 -m onnxsim IN OUT`. Found here because python/compat is on PYTHONPATH."""
import os
import tempfile

import onnx
import sinter

__version__ = "0.4.36"


def _with_model(model):
    if isinstance(model, (str, os.PathLike)):
        return os.fspath(model)
    if not hasattr(model, "SerializeToString"):
        raise TypeError(f"simplify: found {type(model).__name__}, expected a ModelProto or a path")
    return model.SerializeToString()


def _shapes(shapes):
    """Of simplify()'s forms: a dict by input, or a list for the only one."""
    if not shapes:
        return None
    return {name: [int(size) for size in shape] for name, shape in shapes.items()} if isinstance(shapes, dict) else {"": [int(size) for size in shapes]}


def simplify(model, check_n=0, perform_optimization=True, skip_fuse_bn=False, overwrite_input_shapes=None, test_input_shapes=None, skipped_optimizers=None,
             skip_constant_folding=False, skip_shape_inference=False, input_data=None, dynamic_input_shape=False, custom_lib=None, include_subgraph=False,
             unused_output=None, tensor_size_threshold="1.5GB", mutable_initializer=False, *, input_shapes=None):
    """(model, whether it was checked to compute the same): constants and shapes folded, batch norms fused, what does nothing removed.

    The check compares both on check_n random inputs (at least one). Models are ModelProtos or paths.
    """
    with tempfile.TemporaryDirectory(prefix="onnxsim-") as folder:
        path = os.path.join(folder, "simple.onnx")
        report = sinter.simplify(_with_model(model), path, checks=max(1, int(check_n)), skip_fuse_batch_norm=skip_fuse_bn, skip_optimization=not perform_optimization,
                                 skip_constant_folding=skip_constant_folding, skipped=list(skipped_optimizers or []) or None, unused_outputs=list(unused_output or []) or None,
                                 input_shapes=_shapes(overwrite_input_shapes or input_shapes), test_shapes=_shapes(test_input_shapes))
        return onnx.load(path), bool(report["check"]["agrees"])


def infer_types(model):
    """A copy of a model with the types of inner values."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    kinds = {name: number for name, number in _KINDS.items()}
    known = {info.name for infos in (made.graph.value_info, made.graph.input, made.graph.output) for info in infos}
    for name, (kind, shape) in sinter.value_types(model.SerializeToString()).items():
        if name not in known and kind in kinds:
            info = made.graph.value_info.add()
            info.name = name
            info.type.tensor_type.elem_type = kinds[kind]
            if shape is not None:
                info.type.tensor_type.shape.SetInParent()
                for axis, size in enumerate(shape):
                    dim = info.type.tensor_type.shape.dim.add()
                    if size >= 0:
                        dim.dim_value = size
                    else:
                        dim.dim_param = f"{name}_d{axis}"
    return made


_KINDS = {"f32": 1, "u8": 2, "i8": 3, "u16": 4, "i16": 5, "i32": 6, "i64": 7, "string": 8, "bool": 9, "f16": 10, "f64": 11, "u32": 12, "u64": 13, "c64": 14, "c128": 15, "bf16": 16}


def main():
    """The command line."""
    from .__main__ import main as run
    return run()
