"""Shapes of inner values."""


def infer_shapes(model, check_type=False, strict_mode=False, data_prop=False):
    """The model with the types of inner values, by onnxsim's simplification without any change but that."""
    from onnxsim import infer_types
    return infer_types(model)


def infer_shapes_path(model_path, output_path="", check_type=False, strict_mode=False, data_prop=False):
    from ._own import load, save
    save(infer_shapes(load(model_path)), output_path or model_path)
