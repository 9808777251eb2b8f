// Pieces that the printer and the parser of the text form share. The grammar is in print.cpp.
#pragma once

#include <string>
#include <string_view>

#include "core/tensor.h"

namespace sinter::ir {

// Characters of a name that needs no quotes, and of types that need none.
inline bool is_plain_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '/';
}
std::string quoted(std::string_view text);
// Constants of more than max_elements elements stand as a digest; max_elements < 0: never.
bool printed_as_digest(const Tensor& tensor, int64_t max_elements);

}  // namespace sinter::ir
