#pragma once

namespace sinter::testing {

// Whether this program runs on a GPU rather than on the mock.
bool on_real_gpu();

}  // namespace sinter::testing
