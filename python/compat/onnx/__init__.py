"""The part of the package onnx that deployment scripts use: load, save, check, look at models, make small ones.

Found here because python/compat is on PYTHONPATH. Where another onnx is installed, that one is taken, and its checker.check_model leaves models that are newer than it
knows to this one's. SINTER_ONNX=own keeps to this one.
"""
import importlib.machinery
import importlib.util
import os
import sys


def _installed():
    """The spec of another package of this name on the path."""
    if os.environ.get("SINTER_ONNX") == "own":
        return None
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    others = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("onnx", others)
    return spec if spec is not None and spec.origin and spec.loader else None


def _take(spec):
    """Puts the installed package in this one's place."""
    own = sys.modules.pop("onnx", None)
    module = importlib.util.module_from_spec(spec)
    sys.modules["onnx"] = module
    try:
        spec.loader.exec_module(module)
        from sinter.onnx_checker import check_newer
        check_newer(module)
    except Exception as error:  # it is broken, or lacks what it needs: this one stays
        for name in [name for name in sys.modules if name == "onnx" or name.startswith("onnx.")]:
            del sys.modules[name]
        sys.modules["onnx"] = own
        print(f"onnx: the installed package at {spec.origin} can't be used ({error}); Sinter's own is", file=sys.stderr)
        return False
    return True


_spec = _installed()
if _spec is None or not _take(_spec):
    from ._own import *  # noqa: F401,F403
    from ._own import __version__  # noqa: F401
