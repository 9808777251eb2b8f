// A small model for tests that see the public headers only (which name types of their own in the library's namespace).
#pragma once

#include <string>

namespace sinter::test {

// Bytes of x f32[1,8] → MatMul → y f32[1,4].
std::string product_model();

}  // namespace sinter::test
