// TensorProto, SparseTensorProto, SequenceProto and OptionalProto ↔ Tensor and Value. Safe on hostile messages: sizes
// are checked before anything is allocated.
#pragma once

#include "core/tensor.h"
#include "onnx/external_data.h"
#include "onnx/wire.h"

namespace sinter::onnx {

// Number of elements, or an error when a dim is negative or the bytes overflow. Dims with a zero have no elements.
Result<int64_t> checked_count(const Dims& dims, DType dtype);
Result<DType> to_dtype(int64_t number);

// Takes the raw bytes out of the message when they are large (the message is left without them), so that weights are
// held once. `external` null: external data is refused. Errors do not name the tensor: the caller does.
Result<Tensor> to_tensor(TensorProto& proto, ExternalData* external);
// Dense form; at most kMaxSparseBytes.
Result<Tensor> to_tensor(SparseTensorProto& proto, ExternalData* external);
Result<Value> to_value(SequenceProto& proto);
Result<Value> to_value(OptionalProto& proto);

// Raw little-endian bytes (strings: string_data).
TensorProto from_tensor(const Tensor& tensor, const std::string& name = "");
SequenceProto from_sequence(const Value& value, const std::string& name = "");
OptionalProto from_optional(const Value& value, const std::string& name = "");

}  // namespace sinter::onnx
