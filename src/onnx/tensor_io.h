// Tensors and values in files: .pb (ONNX's messages), .npy and .npz (numpy), .bin (raw elements). All readers are
// bounded.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace sinter::onnx {

// One bare message; which one follows from the kind of type that is expected (a tensor when the kind is unknown).
Result<Value> read_pb(const std::string& path, const ValueType& expected);
Result<Value> parse_pb(std::string_view bytes, const ValueType& expected, const std::string& label);
Status write_pb(const std::string& path, const Value& value, const ValueType& type, const std::string& name = "");

// numpy's format, versions 1 to 3, little endian; Fortran order is turned into row-major. bool, integers, f16, f32,
// f64, complex. Written: version 1, row-major; bf16 and smaller floats are written as f32, 4- and 2-bit integers as
// 8-bit ones.
Result<Tensor> read_npy(const std::string& path);
Result<Tensor> parse_npy(std::string_view bytes, const std::string& label);
Status write_npy(const std::string& path, const Tensor& tensor);
// Arrays of a .npz by name (without ".npy"); stored and deflated members.
Result<std::map<std::string, Tensor>> read_npz(const std::string& path);

// Raw little-endian elements of that type and shape; the file must have exactly that size.
Result<Tensor> read_bin(const std::string& path, DType dtype, const Dims& dims);

// By the file's ending: .npy, .pb, else raw (the type must then have constant dims).
Result<Value> read_value(const std::string& path, const ValueType& expected);

}  // namespace sinter::onnx
