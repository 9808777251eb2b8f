"""Whether models are valid."""
from sinter.onnx_checker import ValidationError, check_model  # noqa: F401

from ._own import MESSAGES


def _checker(kind):
    def check(message, context=None):
        if not isinstance(message, MESSAGES[kind]):
            raise TypeError(f"found {type(message).__name__}, expected {kind}")
        raise NotImplementedError(f"checker: a {kind} alone can't be checked here; check the model it is in")

    return check


check_graph, check_node, check_tensor = _checker("GraphProto"), _checker("NodeProto"), _checker("TensorProto")
