"""Enumerations, with the numbers of the generation that SINTER_TRT_COMPAT chooses: 8 (8.6), 10 (10.x, the default) or 11."""
import enum
import os

import numpy

GENERATION = os.environ.get("SINTER_TRT_COMPAT", "10").split(".")[0].strip()
if GENERATION not in ("8", "10", "11"):
    raise ImportError(f"SINTER_TRT_COMPAT: found '{GENERATION}', expected 8, 10 or 11")
GENERATION = int(GENERATION)
VERSION = {8: "8.6.1", 10: "10.16.1", 11: "11.1.0"}[GENERATION]
AT_MOST_8, AT_MOST_10, FROM_10 = GENERATION == 8, GENERATION <= 10, GENERATION >= 10


class _Enum(enum.IntEnum):
    def __str__(self):
        return f"{type(self).__name__}.{self.name}"

    __format__ = lambda self, spec: format(str(self), spec) if spec else str(self)


def _make(name, members, doc=None):
    if isinstance(members, str):
        members = {member: number for number, member in enumerate(members.split())}
    made = _Enum(name, members, module="tensorrt")
    made.__doc__ = doc
    return made


# INT64 and BF16 are known to every generation, so that the network's own types can be said.
DataType = _make("DataType", "FLOAT HALF INT8 INT32 BOOL UINT8 FP8 BF16 INT64 INT4 FP4 E8M0")
_NAMES = {"f32": "FLOAT", "f16": "HALF", "i8": "INT8", "i32": "INT32", "bool": "BOOL", "u8": "UINT8", "f8e4m3fn": "FP8", "bf16": "BF16", "i64": "INT64",
          "i4": "INT4", "f4e2m1": "FP4", "f8e8m0": "E8M0"}
OF_SINTER = {name: DataType[member] for name, member in _NAMES.items()}
OF_ONNX = {1: DataType.FLOAT, 10: DataType.HALF, 3: DataType.INT8, 6: DataType.INT32, 9: DataType.BOOL, 2: DataType.UINT8, 17: DataType.FP8, 16: DataType.BF16,
           7: DataType.INT64, 22: DataType.INT4, 23: DataType.FP4, 24: DataType.E8M0}
TO_ONNX = {value: key for key, value in OF_ONNX.items()}
_BITS = {DataType.FLOAT: 32, DataType.HALF: 16, DataType.INT32: 32, DataType.BF16: 16, DataType.INT64: 64, DataType.INT4: 4, DataType.FP4: 4}
DataType.itemsize = property(lambda self: _BITS.get(self, 8) / 8 if _BITS.get(self, 8) < 8 else _BITS.get(self, 8) // 8)
_NUMPY = {DataType.FLOAT: numpy.float32, DataType.HALF: numpy.float16, DataType.INT8: numpy.int8, DataType.INT32: numpy.int32, DataType.INT64: numpy.int64,
          DataType.BOOL: numpy.bool_, DataType.UINT8: numpy.uint8}


def nptype(trt_type):
    """The numpy type of a DataType; TypeError where numpy has none (BF16, FP8, INT4, FP4)."""
    if trt_type in _NUMPY and isinstance(trt_type, DataType):
        return _NUMPY[trt_type]
    raise TypeError(f"Could not resolve TensorRT datatype to an equivalent numpy datatype: {trt_type}")


_FLAGS_8 = """FP16 INT8 DEBUG GPU_FALLBACK STRICT_TYPES REFIT DISABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS SAFETY_SCOPE OBEY_PRECISION_CONSTRAINTS
    PREFER_PRECISION_CONSTRAINTS DIRECT_IO REJECT_EMPTY_ALGORITHMS ENABLE_TACTIC_HEURISTIC VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME FP8"""
_FLAGS_10 = """FP16 INT8 DEBUG GPU_FALLBACK REFIT DISABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS SAFETY_SCOPE OBEY_PRECISION_CONSTRAINTS PREFER_PRECISION_CONSTRAINTS
    DIRECT_IO REJECT_EMPTY_ALGORITHMS VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME FP8 ERROR_ON_TIMING_CACHE_MISS BF16 DISABLE_COMPILATION_CACHE STRIP_PLAN REFIT_IDENTICAL
    WEIGHT_STREAMING INT4 REFIT_INDIVIDUAL STRICT_NANS MONITOR_MEMORY FP4 EDITABLE_TIMING_CACHE DISTRIBUTIVE_INDEPENDENCE"""
_FLAGS_11 = {"DEBUG": 2, "GPU_FALLBACK": 3, "REFIT": 4, "DISABLE_TIMING_CACHE": 5, "TF32": 6, "SPARSE_WEIGHTS": 7, "SAFETY_SCOPE": 8, "DIRECT_IO": 11,
             "VERSION_COMPATIBLE": 12, "EXCLUDE_LEAN_RUNTIME": 13, "ERROR_ON_TIMING_CACHE_MISS": 15, "DISABLE_COMPILATION_CACHE": 17, "STRIP_PLAN": 18,
             "REFIT_IDENTICAL": 19, "WEIGHT_STREAMING": 20, "REFIT_INDIVIDUAL": 22, "STRICT_NANS": 23, "MONITOR_MEMORY": 24, "EDITABLE_TIMING_CACHE": 26,
             "DISTRIBUTIVE_INDEPENDENCE": 27}
BuilderFlag = _make("BuilderFlag", {8: _FLAGS_8, 10: _FLAGS_10, 11: _FLAGS_11}[GENERATION])
NetworkDefinitionCreationFlag = _make("NetworkDefinitionCreationFlag", {
    8: "EXPLICIT_BATCH EXPLICIT_PRECISION", 10: "EXPLICIT_BATCH STRONGLY_TYPED PREFER_JIT_PYTHON_PLUGINS PREFER_AOT_PYTHON_PLUGINS",
    11: "STRONGLY_TYPED PREFER_JIT_PYTHON_PLUGINS PREFER_AOT_PYTHON_PLUGINS"}[GENERATION])
MemoryPoolType = _make("MemoryPoolType", "WORKSPACE DLA_MANAGED_SRAM DLA_LOCAL_DRAM DLA_GLOBAL_DRAM TACTIC_DRAM" + (" TACTIC_SHARED_MEMORY" if FROM_10 else ""))
TensorIOMode = _make("TensorIOMode", "NONE INPUT OUTPUT")
TensorLocation = _make("TensorLocation", "DEVICE HOST")
TensorFormat = _make("TensorFormat", "LINEAR CHW2 HWC8 CHW4 CHW16 CHW32 DHWC8 CDHW32 HWC DLA_LINEAR DLA_HWC4 HWC16 DHWC")
OptProfileSelector = _make("OptProfileSelector", "MIN OPT MAX")
DeviceType = _make("DeviceType", "GPU DLA")
EngineCapability = _make("EngineCapability", "STANDARD SAFETY DLA_STANDALONE")
ProfilingVerbosity = _make("ProfilingVerbosity", "LAYER_NAMES_ONLY NONE DETAILED")
LayerInformationFormat = _make("LayerInformationFormat", "ONELINE JSON")
TacticSource = _make("TacticSource", "CUBLAS CUBLAS_LT CUDNN EDGE_MASK_CONVOLUTIONS JIT_CONVOLUTIONS" if AT_MOST_10 else "EDGE_MASK_CONVOLUTIONS JIT_CONVOLUTIONS")
PreviewFeature = _make("PreviewFeature", {"PROFILE_SHARING_0806": 2, "ALIASED_PLUGIN_IO_10_03": 3} if FROM_10 else "FASTER_DYNAMIC_SHAPES_0805 DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805 PROFILE_SHARING_0806")
HardwareCompatibilityLevel = _make("HardwareCompatibilityLevel", "NONE AMPERE_PLUS SAME_COMPUTE_CAPABILITY")
RuntimePlatform = _make("RuntimePlatform", "SAME_AS_BUILD WINDOWS_AMD64")
TilingOptimizationLevel = _make("TilingOptimizationLevel", "NONE FAST MODERATE FULL")
ExecutionContextAllocationStrategy = _make("ExecutionContextAllocationStrategy", "STATIC ON_PROFILE_CHANGE USER_MANAGED")
QuantizationFlag = _make("QuantizationFlag", "CALIBRATE_BEFORE_FUSION")
CalibrationAlgoType = _make("CalibrationAlgoType", "LEGACY_CALIBRATION ENTROPY_CALIBRATION ENTROPY_CALIBRATION_2 MINMAX_CALIBRATION")
WeightsRole = _make("WeightsRole", "KERNEL BIAS SHIFT SCALE CONSTANT ANY")
OnnxParserFlag = _make("OnnxParserFlag", "NATIVE_INSTANCENORM ENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA REPORT_CAPABILITY_DLA ENABLE_PLUGIN_OVERRIDE ADJUST_FOR_DLA")
ErrorCode = _make("ErrorCode", """SUCCESS INTERNAL_ERROR MEM_ALLOC_FAILED MODEL_DESERIALIZE_FAILED INVALID_VALUE INVALID_GRAPH INVALID_NODE UNSUPPORTED_GRAPH UNSUPPORTED_NODE
    UNSUPPORTED_NODE_ATTR UNSUPPORTED_NODE_INPUT UNSUPPORTED_NODE_DATATYPE UNSUPPORTED_NODE_DYNAMIC UNSUPPORTED_NODE_SHAPE REFIT_FAILED""")
_LAYERS = """CONVOLUTION CAST ACTIVATION POOLING LRN SCALE SOFTMAX DECONVOLUTION CONCATENATION ELEMENTWISE PLUGIN UNARY PADDING SHUFFLE REDUCE TOPK GATHER MATRIX_MULTIPLY
    RAGGED_SOFTMAX CONSTANT IDENTITY PLUGIN_V2 SLICE SHAPE PARAMETRIC_RELU RESIZE TRIP_LIMIT RECURRENCE ITERATOR LOOP_OUTPUT SELECT FILL QUANTIZE DEQUANTIZE CONDITION
    CONDITIONAL_INPUT CONDITIONAL_OUTPUT SCATTER EINSUM ASSERTION ONE_HOT NON_ZERO GRID_SAMPLE NMS REVERSE_SEQUENCE NORMALIZATION PLUGIN_V3 SQUEEZE UNSQUEEZE CUMULATIVE
    DYNAMIC_QUANTIZE ATTENTION_INPUT ATTENTION_OUTPUT ROTARY_EMBEDDING KVCACHE_UPDATE MOE DIST_COLLECTIVE"""
LayerType = _make("LayerType", _LAYERS)
# The kind of layer that a node of a parsed model is shown as; what is not here is PLUGIN_V2.
_KINDS = {
    "CONVOLUTION": "Conv ConvInteger QLinearConv", "DECONVOLUTION": "ConvTranspose", "CAST": "Cast", "POOLING": "MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool",
    "ACTIVATION": "Relu Sigmoid Tanh LeakyRelu Elu Selu Softsign Softplus Clip HardSigmoid ThresholdedRelu Gelu", "LRN": "LRN", "SCALE": "BatchNormalization",
    "SOFTMAX": "Softmax", "CONCATENATION": "Concat", "ELEMENTWISE": "Add Sub Mul Div Pow Max Min And Or Xor Equal Greater Less Mod", "PADDING": "Pad",
    "UNARY": "Exp Log Sqrt Reciprocal Abs Neg Sin Cos Tan Sinh Cosh Asin Acos Atan Asinh Acosh Atanh Ceil Floor Erf Not Sign Round IsInf IsNaN",
    "SHUFFLE": "Reshape Transpose Flatten", "REDUCE": "ReduceSum ReduceProd ReduceMax ReduceMin ReduceMean", "TOPK": "TopK", "GATHER": "Gather GatherElements GatherND",
    "MATRIX_MULTIPLY": "MatMul Gemm", "CONSTANT": "Constant", "IDENTITY": "Identity Dropout", "SLICE": "Slice Split", "SHAPE": "Shape", "PARAMETRIC_RELU": "PRelu",
    "RESIZE": "Resize Upsample", "SELECT": "Where", "FILL": "ConstantOfShape Range RandomNormal RandomUniform", "QUANTIZE": "QuantizeLinear",
    "DEQUANTIZE": "DequantizeLinear", "SCATTER": "ScatterND ScatterElements", "EINSUM": "Einsum", "ONE_HOT": "OneHot", "NON_ZERO": "NonZero",
    "GRID_SAMPLE": "GridSample", "NMS": "NonMaxSuppression", "REVERSE_SEQUENCE": "ReverseSequence",
    "NORMALIZATION": "InstanceNormalization LayerNormalization GroupNormalization", "SQUEEZE": "Squeeze", "UNSQUEEZE": "Unsqueeze", "CUMULATIVE": "CumSum",
}
OF_OPERATOR = {operator: LayerType[kind] for kind, operators in _KINDS.items() for operator in operators.split()}

# Of layers: for code that names them. Networks are built by the parser.
ActivationType = _make("ActivationType", "RELU SIGMOID TANH LEAKY_RELU ELU SELU SOFTSIGN SOFTPLUS CLIP HARD_SIGMOID SCALED_TANH THRESHOLDED_RELU GELU_ERF GELU_TANH")
ElementWiseOperation = _make("ElementWiseOperation", "SUM PROD MAX MIN SUB DIV POW FLOOR_DIV AND OR XOR EQUAL GREATER LESS")
UnaryOperation = _make("UnaryOperation", "EXP LOG SQRT RECIP ABS NEG SIN COS TAN SINH COSH ASIN ACOS ATAN ASINH ACOSH ATANH CEIL FLOOR ERF NOT SIGN ROUND ISINF ISNAN")
ReduceOperation = _make("ReduceOperation", "SUM PROD MAX MIN AVG")
PoolingType = _make("PoolingType", "MAX AVERAGE MAX_AVERAGE_BLEND")
ScaleMode = _make("ScaleMode", "UNIFORM CHANNEL ELEMENTWISE")
MatrixOperation = _make("MatrixOperation", "NONE TRANSPOSE VECTOR")
PaddingMode = _make("PaddingMode", "EXPLICIT_ROUND_DOWN EXPLICIT_ROUND_UP SAME_UPPER SAME_LOWER" + (" CAFFE_ROUND_DOWN CAFFE_ROUND_UP" if AT_MOST_8 else ""))
SampleMode = _make("SampleMode", "STRICT_BOUNDS WRAP CLAMP FILL REFLECT")
InterpolationMode = _make("InterpolationMode", "NEAREST LINEAR CUBIC")
ResizeCoordinateTransformation = _make("ResizeCoordinateTransformation", "ALIGN_CORNERS ASYMMETRIC HALF_PIXEL")
GatherMode = _make("GatherMode", "DEFAULT ELEMENT ND")
TopKOperation = _make("TopKOperation", "MAX MIN")

__all__ = [name for name, value in globals().items() if isinstance(value, type) and issubclass(value, _Enum) and value is not _Enum]
