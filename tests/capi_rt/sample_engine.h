// The engine that the tests of the C interface run. Apart, because sinter.hpp and the headers of src/ both fill namespace sinter.
#pragma once

#include <string>

// y = relu(x) for f32[batch,4], batch 1 to 16; positions: i64[2,k], where y is not zero.
const std::string& sample_engine_bytes();
