// Versions of ONNX's operators: which opset the node of a file needs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace sinter::onnx {

struct SchemaVersion {
  std::string_view op_type;
  int64_t since = 0;
  std::string_view inputs, outputs, attributes;  // as in schema_versions.def

  bool has_attribute(std::string_view name) const;
  // Whether input (or output) `index` may be of that type.
  bool takes(size_t index, DType dtype) const { return allows(inputs, index, dtype); }
  bool gives(size_t index, DType dtype) const { return allows(outputs, index, dtype); }
  size_t input_count() const;  // a variadic input counts once

 private:
  static bool allows(std::string_view sets, size_t index, DType dtype);
};

// Of the default domain; the one that holds in files of an opset, null when the operator is not there yet, or unknown.
const SchemaVersion* find_schema(std::string_view op_type, int64_t opset);

}  // namespace sinter::onnx
