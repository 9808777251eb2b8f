// Names of symbolic dimensions.
#pragma once

#include <string>
#include <string_view>

namespace sinter::onnx {

// A text that Dim accepts as a symbol's name: characters of expressions become '_', a leading digit gets an 's' before
// it.
std::string symbol_name(std::string_view text);

}  // namespace sinter::onnx
