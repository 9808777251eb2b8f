"""check_model over Sinter's importer, for python/compat/onnx and for installed packages that are older than a model."""
import os

import _sinter

from .building import check

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


class ValidationError(Exception):
    """What is wrong with a model, one problem a line."""


def check_model(model, full_check=False, skip_opset_compatibility_check=False, check_custom_domain=False):
    """Raises ValidationError when a model (a message, bytes or a path) is not valid. Operators of other domains than ONNX's are left alone, unless
    check_custom_domain."""
    if not isinstance(model, (str, os.PathLike, bytes)) and not hasattr(model, "SerializeToString"):
        raise TypeError(f"check_model: found {type(model).__name__}, expected a ModelProto, bytes or a path")
    try:
        problems = check(model)["problems"]
    except _sinter.Error as error:
        raise ValidationError(str(error)) from None
    wrong = [problem["message"] for problem in problems if not problem["warning"] and (check_custom_domain or problem["domain"] in _DOMAINS)]
    if wrong:
        raise ValidationError("\n".join(wrong))


def check_newer(onnx):
    """Lets an installed package's check_model leave models of newer opsets or IR versions than it knows to this one."""
    import onnx.checker as checker
    theirs = checker.check_model
    known = {"": onnx.defs.onnx_opset_version()}

    def either(model, *arguments, **named):
        message = onnx.load(model, load_external_data=False) if isinstance(model, (str, os.PathLike)) else onnx.load_from_string(model) if isinstance(model, bytes) else model
        newer = message.ir_version > onnx.IR_VERSION or any(opset.domain in ("", "ai.onnx") and opset.version > known[""] for opset in message.opset_import)
        if not newer:
            return theirs(model, *arguments, **named)
        try:
            return check_model(model)
        except ValidationError as error:
            raise checker.ValidationError(str(error)) from None

    checker.check_model = either
