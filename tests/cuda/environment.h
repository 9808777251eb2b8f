#pragma once

namespace sinter::testing {

// Whether this program runs on a GPU rather than on the mock.
bool on_real_gpu();
// Whether it is the child process of a test of this program (fault_test.cpp), which may find no device.
bool is_child();

}  // namespace sinter::testing
