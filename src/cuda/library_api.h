// cuBLASLt and cuDNN without their headers or libraries at build time: tables of entry points as in driver_api.h, opened when a tactic that was
// asked for needs them. Declarations and values are ours, from the libraries' public documentation; those of CUDA 12 and 13, and of
// all versions of cuDNN 9, agree in all that is used here.
#pragma once

#include "cuda/driver_api.h"
#include "tactic/device.h"

namespace sinter::cuda {

// --- cuBLASLt ---
// Matrices are column-major to it: a row-major matrix is its transpose.
struct LtAlgo {  // opaque; may be stored, for the same version of the library
  uint64_t words[8] = {};
};
struct LtFound {
  LtAlgo algo;
  size_t workspace = 0;
  int state = 0;
  float waves = 0;
  int reserved[4] = {};
};
static_assert(sizeof(LtFound) == 96);
using LtHandle = struct LtContext*;
using LtObject = struct LtDescriptor*;  // a descriptor, a layout, a preference

constexpr int kLtF32 = 0, kLtF16 = 2, kLtBF16 = 14;                   // element types
constexpr int kLtCompute32 = 68, kLtComputeTf32 = 77;                 // how products are made
constexpr int kLtTransA = 3, kLtTransB = 4, kLtEpilogue = 7, kLtBiasPointer = 8, kLtBiasType = 26;  // of a product
constexpr int kLtBatchCount = 5, kLtBatchStride = 6;                  // of a layout
constexpr int kLtMaxWorkspace = 1, kLtReductions = 3, kLtAlignA = 5, kLtAlignB = 6, kLtAlignC = 7, kLtAlignD = 8;  // of a preference
constexpr int kLtEpilogueNone = 1, kLtEpilogueRelu = 2, kLtEpilogueBias = 4, kLtEpilogueGelu = 32;  // the last three add up (less the 1)
constexpr uint32_t kLtReduceInFloat = 2;                              // partial sums of a divided k, in the type of computation

#define SINTER_CUBLASLT(X)                                                                                              \
  X(int, Create, cublasLtCreate, (LtHandle * handle))                                                                   \
  X(size_t, GetVersion, cublasLtGetVersion, ())                                                                         \
  X(int, MatmulDescCreate, cublasLtMatmulDescCreate, (LtObject * desc, int compute, int scale))                         \
  X(int, MatmulDescDestroy, cublasLtMatmulDescDestroy, (LtObject desc))                                                 \
  X(int, MatmulDescSet, cublasLtMatmulDescSetAttribute, (LtObject desc, int name, const void* value, size_t bytes))     \
  X(int, LayoutCreate, cublasLtMatrixLayoutCreate,                                                                      \
    (LtObject * layout, int type, uint64_t rows, uint64_t columns, int64_t leading))                                    \
  X(int, LayoutDestroy, cublasLtMatrixLayoutDestroy, (LtObject layout))                                                 \
  X(int, LayoutSet, cublasLtMatrixLayoutSetAttribute, (LtObject layout, int name, const void* value, size_t bytes))     \
  X(int, PreferenceCreate, cublasLtMatmulPreferenceCreate, (LtObject * preference))                                     \
  X(int, PreferenceDestroy, cublasLtMatmulPreferenceDestroy, (LtObject preference))                                     \
  X(int, PreferenceSet, cublasLtMatmulPreferenceSetAttribute,                                                           \
    (LtObject preference, int name, const void* value, size_t bytes))                                                   \
  X(int, Heuristic, cublasLtMatmulAlgoGetHeuristic,                                                                     \
    (LtHandle handle, LtObject desc, LtObject a, LtObject b, LtObject c, LtObject d, LtObject preference, int wanted,   \
     LtFound* found, int* count))                                                                                       \
  X(int, AlgoCheck, cublasLtMatmulAlgoCheck,                                                                            \
    (LtHandle handle, LtObject desc, LtObject a, LtObject b, LtObject c, LtObject d, const LtAlgo* algo,                \
     LtFound* result))                                                                                                  \
  X(int, Matmul, cublasLtMatmul,                                                                                        \
    (LtHandle handle, LtObject desc, const void* alpha, const void* a, LtObject a_layout, const void* b,                \
     LtObject b_layout, const void* beta, const void* c, LtObject c_layout, void* d, LtObject d_layout,                 \
     const LtAlgo* algo, void* workspace, size_t workspace_bytes, CUstream stream))

// --- cuDNN 9: the graph API's descriptors ---
using DnnHandle = struct DnnContext*;
using DnnDescriptor = void*;

// Kinds of descriptors.
constexpr int kDnnPointwise = 0, kDnnConvolution = 1, kDnnEngine = 2, kDnnEngineConfig = 3, kDnnHeuristic = 4, kDnnPlan = 5, kDnnKnobChoice = 7,
              kDnnConvForward = 10, kDnnPointwiseOp = 13, kDnnGraph = 15, kDnnVariantPack = 16, kDnnTensor = 17;
// Types of attributes.
constexpr int kDnnTypeHandle = 0, kDnnTypeData = 1, kDnnTypeBool = 2, kDnnTypeI64 = 3, kDnnTypeF32 = 4, kDnnTypeF64 = 5, kDnnTypePointer = 6,
              kDnnTypeConvMode = 7, kDnnTypeHeurMode = 8, kDnnTypeKnob = 9, kDnnTypeNote = 11, kDnnTypePointwise = 14, kDnnTypeDescriptor = 15;
// Names of attributes.
constexpr int kDnnPwMode = 0, kDnnPwPrecision = 1, kDnnPwSwishBeta = 8, kDnnConvType = 100, kDnnConvMode = 101, kDnnConvDilations = 102,
              kDnnConvStrides = 103, kDnnConvPostPads = 104, kDnnConvPrePads = 105, kDnnConvSpatial = 106, kDnnHeurMode = 200,
              kDnnHeurGraph = 201, kDnnHeurResults = 202, kDnnConfigEngine = 300, kDnnConfigKnobs = 302, kDnnPlanHandle = 400,
              kDnnPlanConfig = 401, kDnnPlanWorkspace = 402, kDnnKnobKind = 600, kDnnKnobValue = 601, kDnnForwardAlpha = 700,
              kDnnForwardBeta = 701, kDnnForwardConv = 702, kDnnForwardW = 703, kDnnForwardX = 704, kDnnForwardY = 705, kDnnOpPointwise = 750,
              kDnnOpX = 751, kDnnOpB = 752, kDnnOpY = 753, kDnnGraphHandle = 800, kDnnGraphOps = 801, kDnnTensorAlignment = 900,
              kDnnTensorType = 901, kDnnTensorDims = 902, kDnnTensorStrides = 903, kDnnTensorId = 906, kDnnTensorVirtual = 907,
              kDnnPackIds = 1000, kDnnPackPointers = 1001, kDnnPackWorkspace = 1003, kDnnEngineGraph = 1300, kDnnEngineIndex = 1301,
              kDnnEngineNotes = 1303;
// Values: element types, modes, what an engine says of its numbers.
constexpr int kDnnF32 = 0, kDnnF16 = 2, kDnnBF16 = 9, kDnnCrossCorrelation = 1, kDnnHeurA = 3;
constexpr int kDnnAdd = 0, kDnnMul = 1, kDnnMin = 2, kDnnMax = 3, kDnnRelu = 100, kDnnTanh = 101, kDnnSigmoid = 102, kDnnGelu = 104, kDnnSwish = 106,
              kDnnGeluTanh = 107;
constexpr int kDnnNoteTensorCore = 0, kDnnNoteDownConverts = 1, kDnnNoteReducedSums = 2, kDnnNoteFft = 3, kDnnNoteNotDeterministic = 4,
              kDnnNoteWinogradFirst = 5, kDnnNoteWinogradLast = 8;

#define SINTER_CUDNN(X)                                                                                                  \
  X(size_t, GetVersion, cudnnGetVersion, ())                                                                             \
  X(const char*, GetErrorString, cudnnGetErrorString, (int status))                                                      \
  X(int, Create, cudnnCreate, (DnnHandle * handle))                                                                      \
  X(int, SetStream, cudnnSetStream, (DnnHandle handle, CUstream stream))                                                 \
  X(int, CreateDescriptor, cudnnBackendCreateDescriptor, (int kind, DnnDescriptor* descriptor))                          \
  X(int, DestroyDescriptor, cudnnBackendDestroyDescriptor, (DnnDescriptor descriptor))                                   \
  X(int, SetAttribute, cudnnBackendSetAttribute,                                                                         \
    (DnnDescriptor descriptor, int name, int type, int64_t count, const void* values))                                   \
  X(int, GetAttribute, cudnnBackendGetAttribute,                                                                         \
    (DnnDescriptor descriptor, int name, int type, int64_t wanted, int64_t* count, void* values))                        \
  X(int, Finalize, cudnnBackendFinalize, (DnnDescriptor descriptor))                                                     \
  X(int, Execute, cudnnBackendExecute, (DnnHandle handle, DnnDescriptor plan, DnnDescriptor variant_pack))

#define SINTER_LIBRARY_MEMBER(result, name, symbol, parameters) result(*name) parameters = nullptr;
struct CublasLtApi {
  SINTER_CUBLASLT(SINTER_LIBRARY_MEMBER)
  std::string path;
  int64_t version = 0;  // 130100: 13.1.0
};
struct CudnnApi {
  SINTER_CUDNN(SINTER_LIBRARY_MEMBER)
  std::string path;
  int64_t version = 0;  // 91300: 9.13.0
};
#undef SINTER_LIBRARY_MEMBER

// Opened at the first call; later calls give the same answer. The error says where it was looked for and what to do.
// Knobs: SINTER_CUBLASLT and SINTER_CUDNN name a library file to be used instead of all others; "none" hides it.
Result<const CublasLtApi*> cublaslt();
Result<const CudnnApi*> cudnn();

// The status of a library's call: ok, or an error that names the call and the library's number for the failure.
Status check_cublaslt(int result, std::string_view call);
Status check_cudnn(int result, std::string_view call);

// The handle of the calling thread's current context, made at the first call, shared by all and never destroyed.
Result<LtHandle> cublaslt_handle();
Result<DnnHandle> cudnn_handle();

// A device of this kind, for questions to a library while no device is current.
Result<Device*> device_like(const DeviceSpec& spec);

}  // namespace sinter::cuda
