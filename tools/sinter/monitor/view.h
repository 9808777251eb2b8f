// One sample as a terminal shows it.
#pragma once

#include <string>

#include "sample.h"

namespace sinter::tool::monitor {

// The view's text of one sample, without colours or cursor movements; `columns` wide at most.
std::string view_text(const Sample& sample, int columns);

}  // namespace sinter::tool::monitor
