// Device code of engines: whose it is. An engine is a file that anybody may have written; data of it is checked, code can't be.
#pragma once

#include "core/tensor.h"

namespace sinter {

// Whether this user made the code: it is, byte for byte, what this process compiled or what lies in the user's kernel cache. Defined by src/cuda.
bool cuda_code_made_here(const Tensor& code);

}  // namespace sinter
