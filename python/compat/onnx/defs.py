"""What operators there are."""
import sinter

ONNX_DOMAIN, ONNX_ML_DOMAIN = "", "ai.onnx.ml"


def onnx_opset_version():
    """The latest opset."""
    return 28


def has(op_type, max_inclusive_version=None, domain=""):
    return any(operator["name"] == op_type and operator["domain"] in (domain, domain or "ai.onnx") for operator in sinter.operators())
