// Calls of the C interface with nothing in place of what they want.
#pragma once

#include <gtest/gtest.h>

#include <sinter/sinter.h>
#include <type_traits>

namespace sinter {

// Calls with nothing: every argument null or zero.
template <typename R, typename... A>
R with_nothing(R (*function)(A...)) {
  return function(A{}...);
}
// The handle alone.
template <typename R, typename H, typename... A>
R with_handle(R (*function)(H, A...), std::type_identity_t<H> handle) {
  return function(handle, A{}...);
}

template <typename... F>
void expect_refused(F... functions) {
  int number = 0;
  const auto check_one = [&](sinter_status status) {
    EXPECT_NE(status, SINTER_OK) << "function " << number;
    EXPECT_STRNE(sinter_last_error(), "") << "function " << number;
    ++number;
  };
  (check_one(with_nothing(functions)), ...);
}

}  // namespace sinter
