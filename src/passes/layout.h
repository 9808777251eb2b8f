// What passes that move transposes share: views, and where a value goes from here.
#pragma once

#include "passes/match.h"

namespace sinter::passes {

// Reshape, Flatten, Squeeze or Unsqueeze: moves no bytes.
bool is_view(const Node* node);
// The node's perm when it is a Transpose that states one, else null.
const std::vector<int64_t>* perm_of(const Node* node);
// A Reshape from one known shape to another, the input itself where they are equal; null when the target can't be expressed.
IrValue* view_as(Patch& patch, std::string_view name, IrValue* input, const Shape& from, const Shape& to, const std::vector<const Node*>& sources);
// A Transpose, the input itself where it moves nothing.
IrValue* transposed(Patch& patch, std::string_view name, IrValue* input, const std::vector<int64_t>& perm, const std::vector<const Node*>& sources);
// The value's only user, or that of views of it and of elementwise work with constants on it, is a Transpose.
bool meets_transpose(const IrValue* value);

}  // namespace sinter::passes
