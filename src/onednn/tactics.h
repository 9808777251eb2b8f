// The provider's tactics, in order of registration.
#pragma once

#include "tactic/tactic.h"

namespace sinter::onednn {

const Tactic& convolution();
const Tactic& matmul();
const Tactic& pooling();

}  // namespace sinter::onednn
