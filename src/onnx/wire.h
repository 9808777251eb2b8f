// The generated messages of onnx.proto, and names for the numbers that they keep in int32 fields.
#pragma once

#include "onnx/onnx.pb.h"

namespace sinter::onnx {

// AttributeProto.type
enum AttributeType : int {
  kAttrUndefined = 0,
  kAttrFloat = 1,
  kAttrInt = 2,
  kAttrString = 3,
  kAttrTensor = 4,
  kAttrGraph = 5,
  kAttrFloats = 6,
  kAttrInts = 7,
  kAttrStrings = 8,
  kAttrTensors = 9,
  kAttrGraphs = 10,
  kAttrSparseTensor = 11,
  kAttrSparseTensors = 12,
  kAttrTypeProto = 13,
  kAttrTypeProtos = 14,
};

// TensorProto.data_location
constexpr int kLocationDefault = 0;
constexpr int kLocationExternal = 1;

// SequenceProto.elem_type, OptionalProto.elem_type
enum ElementType : int {
  kElementUndefined = 0,
  kElementTensor = 1,
  kElementSparseTensor = 2,
  kElementSequence = 3,
  kElementMap = 4,
  kElementOptional = 5,
};

// Newest versions this importer knows. Files of newer ones are read as these, with a warning.
constexpr int64_t kNewestIrVersion = 14;
constexpr int64_t kNewestOpset = 28;
constexpr int64_t kOldestIrVersion = 3;  // the first with opset_import

}  // namespace sinter::onnx
