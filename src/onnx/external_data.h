// External data: tensors whose bytes lie in other files of the model's folder (TensorProto.external_data).
//
// Files are mapped once and viewed, not copied. Locations are relative to the model's folder and may not leave it:
// absolute paths, `..` and symbolic links that lead out are refused, so that a model cannot read what its user did not
// mean to give.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "core/tensor.h"
#include "onnx/wire.h"

namespace sinter::onnx {

struct ExternalReference {
  std::string location;
  int64_t offset = 0;
  int64_t length = -1;  // -1: not stated
};
// Reads and checks the key-value pairs; unknown keys (checksum, basepath of old writers) are ignored.
Result<ExternalReference> parse_external(const TensorProto& tensor);

class ExternalData {
 public:
  // `folder`: of the model file; "" when the model has none (read from memory): every reference is then refused.
  explicit ExternalData(std::string folder) : folder_(std::move(folder)) {}

  // A view of exactly `dtype_bytes` of the tensor in its file (a copy where the offset is not aligned for the type).
  Result<Tensor> load(const TensorProto& tensor, DType dtype, Dims dims);
  // Size of a file that tensors name, under the same rules.
  Result<int64_t> size(const std::string& location);
  // Of the whole of such a file, under the same rules.
  Result<uint64_t> hash_of(const std::string& location);
  // Of all that was loaded so far, in order.
  uint64_t hash() const { return hash_; }

 private:
  Result<std::shared_ptr<const MappedFile>> file(const std::string& location);
  std::string folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;  // by location as written in the model
  uint64_t hash_ = 0;
};

}  // namespace sinter::onnx
