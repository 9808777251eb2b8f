// The version of Sinter, as in CMakeLists.txt.
#pragma once

#include <string_view>

namespace sinter {

std::string_view version();  // "0.1.0"

}  // namespace sinter
