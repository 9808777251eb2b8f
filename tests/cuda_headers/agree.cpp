// Our declarations of CUDA's libraries against NVIDIA's own headers (design decision 10): compiled and run by scripts/test-gpu where the headers
// are. Whatever disagrees does not compile, with its name in the message. A library whose header is not there is left out and said.
#include <cstddef>
#include <cstdio>
#include <type_traits>

#if !__has_include(<cuda.h>)
#error "cuda.h is not in the search path"
#endif
#include <cuda.h>
#if __has_include(<nvrtc.h>)
#include <nvrtc.h>
#define HAVE_NVRTC 1
#endif
#if __has_include(<cublasLt.h>)
#include <cublasLt.h>
#define HAVE_CUBLASLT 1
#endif
#if __has_include(<cudnn.h>)
#include <cudnn.h>
#define HAVE_CUDNN 1
#endif

#include "cuda/library_api.h"

namespace sinter::cuda {
namespace {

// Whether two types are passed alike: integers and enumerations of one size, pointers to the like, pointers to anything opaque.
template <typename Ours, typename Theirs>
constexpr bool alike() {
  if constexpr (std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>) {
    using A = std::remove_cv_t<std::remove_pointer_t<Ours>>;
    using B = std::remove_cv_t<std::remove_pointer_t<Theirs>>;
    if constexpr (std::is_void_v<A> || std::is_void_v<B> || (std::is_class_v<A> && std::is_class_v<B>)) return true;
    else return alike<A, B>();
  } else if constexpr ((std::is_integral_v<Ours> || std::is_enum_v<Ours>) && (std::is_integral_v<Theirs> || std::is_enum_v<Theirs>)) {
    return sizeof(Ours) == sizeof(Theirs);
  } else {
    return std::is_same_v<Ours, Theirs>;
  }
}

template <typename Ours, typename Theirs>
struct SameCall : std::false_type {};
template <typename R, typename... A, typename S, typename... B>
struct SameCall<R (*)(A...), S (*)(B...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(A) != sizeof...(B)) return false;
    else return alike<R, S>() && (alike<A, B>() && ...);
  }();
};

int declarations = 0, values = 0;
#define CALL(result, name, symbol, parameters)                                                                        \
  static_assert(SameCall<result(*) parameters, std::decay_t<decltype(::symbol)>>::value, "another declaration: " #symbol); \
  ++declarations;
#define VALUE(ours, theirs)                                                     \
  static_assert(static_cast<long long>(ours) == static_cast<long long>(::theirs), "another value: " #theirs); \
  ++values;
// Enumerations of a structure's scope, and macros.
#define TRUTH(condition) \
  static_assert(condition, "not so: " #condition); \
  ++values;

void check_driver() {
  SINTER_CUDA_DRIVER(CALL)
  SINTER_CUDA_DRIVER_OPTIONAL(CALL)
  VALUE(kCudaSuccess, CUDA_SUCCESS)
  VALUE(kCudaErrorOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY)
  VALUE(kCudaErrorNoDevice, CUDA_ERROR_NO_DEVICE)
  VALUE(kCudaErrorInvalidDevice, CUDA_ERROR_INVALID_DEVICE)
  VALUE(kAttrClockRate, CU_DEVICE_ATTRIBUTE_CLOCK_RATE)
  VALUE(kAttrMultiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
  VALUE(kAttrL2Bytes, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)
  VALUE(kAttrMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
  VALUE(kAttrMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
  VALUE(kAttrSharedOptin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
  VALUE(kFuncSharedBytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)
  VALUE(kFuncLocalBytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES)
  VALUE(kFuncRegisters, CU_FUNC_ATTRIBUTE_NUM_REGS)
  VALUE(kFuncMaxDynamicShared, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
  VALUE(kStreamNonBlocking, CU_STREAM_NON_BLOCKING)
  VALUE(kEventDefault, CU_EVENT_DEFAULT)
  VALUE(kEventDisableTiming, CU_EVENT_DISABLE_TIMING)
  VALUE(kCaptureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
  VALUE(kPointerMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE)
  VALUE(kMemoryTypeHost, CU_MEMORYTYPE_HOST)
  VALUE(kMemoryTypeDevice, CU_MEMORYTYPE_DEVICE)
  VALUE(kLaunchClusterDimension, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
  VALUE(kLaunchProgrammaticSerialization, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION)
  TRUTH(sizeof(LaunchAttribute) == sizeof(::CUlaunchAttribute))
  TRUTH(offsetof(LaunchAttribute, bytes) == offsetof(::CUlaunchAttribute, value))
  TRUTH(sizeof(LaunchConfig) == sizeof(::CUlaunchConfig))
  TRUTH(offsetof(LaunchConfig, shared_bytes) == offsetof(::CUlaunchConfig, sharedMemBytes))
  TRUTH(offsetof(LaunchConfig, stream) == offsetof(::CUlaunchConfig, hStream))
  TRUTH(offsetof(LaunchConfig, attributes) == offsetof(::CUlaunchConfig, attrs))
  TRUTH(offsetof(LaunchConfig, attribute_count) == offsetof(::CUlaunchConfig, numAttrs))
}

#ifdef HAVE_NVRTC
void check_nvrtc() { SINTER_CUDA_NVRTC(CALL) }
#endif

#ifdef HAVE_CUBLASLT
void check_cublaslt() {
  SINTER_CUBLASLT(CALL)
  TRUTH(sizeof(LtAlgo) == sizeof(::cublasLtMatmulAlgo_t))
  TRUTH(sizeof(LtFound) == sizeof(::cublasLtMatmulHeuristicResult_t))
  TRUTH(offsetof(LtFound, workspace) == offsetof(::cublasLtMatmulHeuristicResult_t, workspaceSize))
  TRUTH(offsetof(LtFound, state) == offsetof(::cublasLtMatmulHeuristicResult_t, state))
  TRUTH(offsetof(LtFound, waves) == offsetof(::cublasLtMatmulHeuristicResult_t, wavesCount))
  VALUE(kLtF32, CUDA_R_32F)
  VALUE(kLtF16, CUDA_R_16F)
  VALUE(kLtBF16, CUDA_R_16BF)
  VALUE(kLtCompute32, CUBLAS_COMPUTE_32F)
  VALUE(kLtComputeTf32, CUBLAS_COMPUTE_32F_FAST_TF32)
  VALUE(kLtTransA, CUBLASLT_MATMUL_DESC_TRANSA)
  VALUE(kLtTransB, CUBLASLT_MATMUL_DESC_TRANSB)
  VALUE(kLtEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE)
  VALUE(kLtBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER)
  VALUE(kLtBiasType, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE)
  VALUE(kLtBatchCount, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)
  VALUE(kLtBatchStride, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
  VALUE(kLtMaxWorkspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
  VALUE(kLtReductions, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
  VALUE(kLtAlignA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES)
  VALUE(kLtAlignB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES)
  VALUE(kLtAlignC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES)
  VALUE(kLtAlignD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES)
  VALUE(kLtEpilogueNone, CUBLASLT_EPILOGUE_DEFAULT)
  VALUE(kLtEpilogueRelu, CUBLASLT_EPILOGUE_RELU)
  VALUE(kLtEpilogueBias, CUBLASLT_EPILOGUE_BIAS)
  VALUE(kLtEpilogueGelu, CUBLASLT_EPILOGUE_GELU)
  VALUE(kLtReduceInFloat, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)
}
#endif

#ifdef HAVE_CUDNN
void check_cudnn_kinds() {
  SINTER_CUDNN(CALL)
  VALUE(kDnnPointwise, CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
  VALUE(kDnnConvolution, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
  VALUE(kDnnEngine, CUDNN_BACKEND_ENGINE_DESCRIPTOR)
  VALUE(kDnnEngineConfig, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)
  VALUE(kDnnHeuristic, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
  VALUE(kDnnPlan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
  VALUE(kDnnKnobChoice, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)
  VALUE(kDnnConvForward, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
  VALUE(kDnnPointwiseOp, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
  VALUE(kDnnGraph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
  VALUE(kDnnVariantPack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
  VALUE(kDnnTensor, CUDNN_BACKEND_TENSOR_DESCRIPTOR)
  VALUE(kDnnTypeHandle, CUDNN_TYPE_HANDLE)
  VALUE(kDnnTypeData, CUDNN_TYPE_DATA_TYPE)
  VALUE(kDnnTypeBool, CUDNN_TYPE_BOOLEAN)
  VALUE(kDnnTypeI64, CUDNN_TYPE_INT64)
  VALUE(kDnnTypeF32, CUDNN_TYPE_FLOAT)
  VALUE(kDnnTypeF64, CUDNN_TYPE_DOUBLE)
  VALUE(kDnnTypePointer, CUDNN_TYPE_VOID_PTR)
  VALUE(kDnnTypeConvMode, CUDNN_TYPE_CONVOLUTION_MODE)
  VALUE(kDnnTypeHeurMode, CUDNN_TYPE_HEUR_MODE)
  VALUE(kDnnTypeKnob, CUDNN_TYPE_KNOB_TYPE)
  VALUE(kDnnTypeNote, CUDNN_TYPE_NUMERICAL_NOTE)
  VALUE(kDnnTypePointwise, CUDNN_TYPE_POINTWISE_MODE)
  VALUE(kDnnTypeDescriptor, CUDNN_TYPE_BACKEND_DESCRIPTOR)
}

void check_cudnn_attributes() {
  VALUE(kDnnPwMode, CUDNN_ATTR_POINTWISE_MODE)
  VALUE(kDnnPwPrecision, CUDNN_ATTR_POINTWISE_MATH_PREC)
  VALUE(kDnnPwSwishBeta, CUDNN_ATTR_POINTWISE_SWISH_BETA)
  VALUE(kDnnConvType, CUDNN_ATTR_CONVOLUTION_COMP_TYPE)
  VALUE(kDnnConvMode, CUDNN_ATTR_CONVOLUTION_CONV_MODE)
  VALUE(kDnnConvDilations, CUDNN_ATTR_CONVOLUTION_DILATIONS)
  VALUE(kDnnConvStrides, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES)
  VALUE(kDnnConvPostPads, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS)
  VALUE(kDnnConvPrePads, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)
  VALUE(kDnnConvSpatial, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS)
  VALUE(kDnnHeurMode, CUDNN_ATTR_ENGINEHEUR_MODE)
  VALUE(kDnnHeurGraph, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)
  VALUE(kDnnHeurResults, CUDNN_ATTR_ENGINEHEUR_RESULTS)
  VALUE(kDnnConfigEngine, CUDNN_ATTR_ENGINECFG_ENGINE)
  VALUE(kDnnConfigKnobs, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)
  VALUE(kDnnPlanHandle, CUDNN_ATTR_EXECUTION_PLAN_HANDLE)
  VALUE(kDnnPlanConfig, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
  VALUE(kDnnPlanWorkspace, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)
  VALUE(kDnnKnobKind, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE)
  VALUE(kDnnKnobValue, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE)
  VALUE(kDnnForwardAlpha, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA)
  VALUE(kDnnForwardBeta, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA)
  VALUE(kDnnForwardConv, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC)
  VALUE(kDnnForwardW, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W)
  VALUE(kDnnForwardX, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X)
  VALUE(kDnnForwardY, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y)
  VALUE(kDnnOpPointwise, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)
  VALUE(kDnnOpX, CUDNN_ATTR_OPERATION_POINTWISE_XDESC)
  VALUE(kDnnOpB, CUDNN_ATTR_OPERATION_POINTWISE_BDESC)
  VALUE(kDnnOpY, CUDNN_ATTR_OPERATION_POINTWISE_YDESC)
  VALUE(kDnnGraphHandle, CUDNN_ATTR_OPERATIONGRAPH_HANDLE)
  VALUE(kDnnGraphOps, CUDNN_ATTR_OPERATIONGRAPH_OPS)
  VALUE(kDnnTensorAlignment, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)
  VALUE(kDnnTensorType, CUDNN_ATTR_TENSOR_DATA_TYPE)
  VALUE(kDnnTensorDims, CUDNN_ATTR_TENSOR_DIMENSIONS)
  VALUE(kDnnTensorStrides, CUDNN_ATTR_TENSOR_STRIDES)
  VALUE(kDnnTensorId, CUDNN_ATTR_TENSOR_UNIQUE_ID)
  VALUE(kDnnTensorVirtual, CUDNN_ATTR_TENSOR_IS_VIRTUAL)
  VALUE(kDnnPackIds, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)
  VALUE(kDnnPackPointers, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)
  VALUE(kDnnPackWorkspace, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)
  VALUE(kDnnEngineGraph, CUDNN_ATTR_ENGINE_OPERATION_GRAPH)
  VALUE(kDnnEngineIndex, CUDNN_ATTR_ENGINE_GLOBAL_INDEX)
  VALUE(kDnnEngineNotes, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE)
}

void check_cudnn_values() {
  VALUE(kDnnF32, CUDNN_DATA_FLOAT)
  VALUE(kDnnF16, CUDNN_DATA_HALF)
  VALUE(kDnnBF16, CUDNN_DATA_BFLOAT16)
  VALUE(kDnnCrossCorrelation, CUDNN_CROSS_CORRELATION)
  VALUE(kDnnHeurA, CUDNN_HEUR_MODE_A)
  VALUE(kDnnAdd, CUDNN_POINTWISE_ADD)
  VALUE(kDnnMul, CUDNN_POINTWISE_MUL)
  VALUE(kDnnMin, CUDNN_POINTWISE_MIN)
  VALUE(kDnnMax, CUDNN_POINTWISE_MAX)
  VALUE(kDnnRelu, CUDNN_POINTWISE_RELU_FWD)
  VALUE(kDnnTanh, CUDNN_POINTWISE_TANH_FWD)
  VALUE(kDnnSigmoid, CUDNN_POINTWISE_SIGMOID_FWD)
  VALUE(kDnnGelu, CUDNN_POINTWISE_GELU_FWD)
  VALUE(kDnnSwish, CUDNN_POINTWISE_SWISH_FWD)
  VALUE(kDnnGeluTanh, CUDNN_POINTWISE_GELU_APPROX_TANH_FWD)
  VALUE(kDnnNoteTensorCore, CUDNN_NUMERICAL_NOTE_TENSOR_CORE)
  VALUE(kDnnNoteDownConverts, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)
  VALUE(kDnnNoteReducedSums, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)
  VALUE(kDnnNoteFft, CUDNN_NUMERICAL_NOTE_FFT)
  VALUE(kDnnNoteNotDeterministic, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)
  VALUE(kDnnNoteWinogradFirst, CUDNN_NUMERICAL_NOTE_WINOGRAD)
  VALUE(kDnnNoteWinogradLast, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13)
}
#endif

}  // namespace
}  // namespace sinter::cuda

int main() {
  using namespace sinter::cuda;
  check_driver();
  std::printf("headers: CUDA %d", CUDA_VERSION);
#ifdef HAVE_NVRTC
  check_nvrtc();
  std::printf(", NVRTC");
#endif
#ifdef HAVE_CUBLASLT
  check_cublaslt();
  std::printf(", cuBLASLt %d", CUBLAS_VERSION);
#endif
#ifdef HAVE_CUDNN
  check_cudnn_kinds();
  check_cudnn_attributes();
  check_cudnn_values();
  std::printf(", cuDNN %d", CUDNN_VERSION);
#endif
  std::printf(": %d declarations and %d values agree\n", declarations, values);
  return 0;
}
