// One entry for each reader of bytes. Each returns 0 and must not crash, hang or leak, whatever the bytes are. The
// programs of libFuzzer and the deterministic corpus of tests/fuzz use the same entries.
#pragma once

#include <cstddef>
#include <cstdint>

int fuzz_onnx(const uint8_t* data, size_t size);    // a model file: check, import, print
int fuzz_tensor(const uint8_t* data, size_t size);  // .pb of each kind, and .npy
int fuzz_image(const uint8_t* data, size_t size);             // a JPEG or PNG
int fuzz_calibration_text(const uint8_t* data, size_t size);  // preprocessing JSON, labels, calibration cache, histogram
int fuzz_tegrastats(const uint8_t* data, size_t size);        // a log of tegrastats, to JSON, CSV and charts
