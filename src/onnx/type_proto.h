// TypeProto ↔ ValueType.
#pragma once

#include <string>

#include "core/type.h"
#include "onnx/symbol_name.h"
#include "onnx/wire.h"

namespace sinter::onnx {

// Symbolic dims become symbols of their names, or the value that `dims` gives; unnamed unknown ones become
// "<value>_d<axis>". Sparse tensors, maps and opaque types are unsupported.
Result<ValueType> to_type(const TypeProto& proto, const std::string& value, const Bindings& dims);

// Unknown-rank and symbolic dims survive as they are printed.
TypeProto from_type(const ValueType& type);

}  // namespace sinter::onnx
