"""Messages of ONNX files, and functions that read and write them."""
import os

from sinter.onnx_proto import DATA_TYPES, MESSAGES

__version__ = "1.20.0"
IR_VERSION, IR_VERSION_LATEST = 14, 14

globals().update({name: made for name, made in MESSAGES.items() if "." not in name})
ModelProto, TensorProto, GraphProto = MESSAGES["ModelProto"], MESSAGES["TensorProto"], MESSAGES["GraphProto"]


class Version:
    """Numbers of IR versions."""

    IR_VERSION = IR_VERSION


def _bytes_of(f):
    if hasattr(f, "read"):
        return f.read()
    with open(os.fspath(f), "rb") as file:
        return file.read()


def load_model(f, format=None, load_external_data=True):  # noqa: A002 - onnx's name
    """A ModelProto of a path or an open file. External data is read into the model, unless load_external_data is False."""
    model = load_model_from_string(_bytes_of(f), format)
    if load_external_data:
        from . import external_data_helper
        folder = os.path.dirname(os.path.abspath(f.name if hasattr(f, "name") else os.fspath(f) if not hasattr(f, "read") else "."))
        external_data_helper.load_external_data_for_model(model, folder)
    return model


def load_model_from_string(s, format=None):  # noqa: A002
    if format not in (None, "protobuf"):
        raise ValueError(f"onnx: the format '{format}' is not supported, only 'protobuf' is")
    return ModelProto.FromString(s)


def load_tensor(f, format=None):  # noqa: A002
    return TensorProto.FromString(_bytes_of(f))


def load_tensor_from_string(s, format=None):  # noqa: A002
    return TensorProto.FromString(s)


def save_model(proto, f, format=None, *, save_as_external_data=False, all_tensors_to_one_file=True, location=None, size_threshold=1024, convert_attribute=False):  # noqa: A002
    """Writes a ModelProto, or the bytes of one, to a path or an open file; with save_as_external_data weights of at least size_threshold bytes beside it."""
    if format not in (None, "protobuf"):
        raise ValueError(f"onnx: the format '{format}' is not supported, only 'protobuf' is")
    if isinstance(proto, bytes):
        proto = ModelProto.FromString(proto)
    from . import external_data_helper
    if save_as_external_data:
        external_data_helper.convert_model_to_external_data(proto, all_tensors_to_one_file, location, size_threshold, convert_attribute)
    if not hasattr(f, "write"):
        external_data_helper.write_external_data_tensors(proto, os.path.dirname(os.path.abspath(os.fspath(f))))
    data = proto.SerializeToString()
    if hasattr(f, "write"):
        f.write(data)
        return
    with open(os.fspath(f), "wb") as file:
        file.write(data)


def save_tensor(proto, f, format=None):  # noqa: A002
    data = proto.SerializeToString()
    if hasattr(f, "write"):
        f.write(data)
        return
    with open(os.fspath(f), "wb") as file:
        file.write(data)


load, save, load_from_string = load_model, save_model, load_model_from_string

from . import checker, defs, external_data_helper, helper, mapping, numpy_helper, shape_inference, version_converter  # noqa: E402,F401

__all__ = [name for name in globals() if not name.startswith("_") and name not in ("os", "DATA_TYPES", "MESSAGES")]
