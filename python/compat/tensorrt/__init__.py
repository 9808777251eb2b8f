"""The part of TensorRT's Python module that deployment scripts use, over Sinter.

Found here because python/compat is on PYTHONPATH. It presents itself as 10.x; SINTER_TRT_COMPAT=8 or 11 chooses another generation. Networks are parsed
from ONNX; engines run on a GPU where there is one, else on the CPU, where "device" memory is host memory (pycuda.driver beside this package).
What fails is logged and is None or False, as in TensorRT; wrong types of arguments raise.
"""
from . import _enums
from ._base import (Dims, Dims2, Dims3, Dims4, DimsHW, IErrorRecorder, IGpuAllocator, IHostMemory, ILogger, IOutputAllocator, IProfiler, IProgressMonitor, Logger,
                    Permutation, Profiler, Weights, volume)
from ._builder import Builder, IBuilderConfig, IOptimizationProfile, ITimingCache
from ._enums import *  # noqa: F401,F403
from ._enums import AT_MOST_10, VERSION, DataType, nptype
from ._network import ILayer, INetworkDefinition, ITensor, OnnxParser, ParserError
from ._refit import OnnxParserRefitter, Refitter
from ._runtime import EngineInspector, ICudaEngine, IExecutionContext, Runtime

if AT_MOST_10:
    from ._calibrators import IInt8Calibrator, IInt8EntropyCalibrator, IInt8EntropyCalibrator2, IInt8LegacyCalibrator, IInt8MinMaxCalibrator

__version__ = VERSION

float32, float16, int8, int32, int64, uint8 = DataType.FLOAT, DataType.HALF, DataType.INT8, DataType.INT32, DataType.INT64, DataType.UINT8
bool, bfloat16, fp8, int4, fp4 = DataType.BOOL, DataType.BF16, DataType.FP8, DataType.INT4, DataType.FP4  # noqa: A001 - TensorRT's names


class IPluginRegistry:
    """Operators of the model are the library's own; there are no plugins to find here."""

    plugin_creator_list, all_creators, error_recorder = [], [], None

    def get_creator(self, type, version="1", plugin_namespace=""):  # noqa: A002 - TensorRT's names
        return None

    get_plugin_creator = get_creator

    def load_library(self, plugin_path):
        raise NotImplementedError(f"load_library: '{plugin_path}' can't be loaded, TensorRT's plugins need its own library")

    def register_creator(self, creator, plugin_namespace=""):
        raise NotImplementedError("register_creator: plugins in Python are not supported")


_registry = IPluginRegistry()


def get_plugin_registry():
    return _registry


def get_builder_plugin_registry(engine_capability=None):
    return _registry


def init_libnvinfer_plugins(logger, namespace):
    """True: operators that TensorRT has as plugins are the library's own, where it has them."""
    return True


def get_nv_onnx_parser_version():
    return sum(int(part) * scale for part, scale in zip(VERSION.split("."), (1000, 100, 1) if VERSION.startswith("8") else (10000, 100, 1)))
