// Part 2 of sinter.h: arrays, that is tensors in files.
#include <cstring>

#include "base/files.h"
#include "capi_rt/handles.h"
#include "data/preprocess.h"
#include "onnx/tensor_io.h"
#include "session/run.h"

using namespace sinter;
using capi::guarded;

namespace {

bool ends_with(std::string_view text, std::string_view end) { return text.size() >= end.size() && text.substr(text.size() - end.size()) == end; }

Status make_array(const Tensor& tensor, sinter_array** out) {
  auto array = std::make_unique<sinter_array>();
  array->text.assign(tensor);
  *out = array.release();
  return ok_status();
}

}  // namespace

extern "C" {

sinter_status sinter_array_read(const char* path, sinter_dtype dtype, const int64_t* dims, int32_t rank, sinter_array** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(path && out, "the path or the place for the array"));
    ValueType expected = ValueType::tensor(DType::kUndefined);
    if (dtype != SINTER_UNDEFINED) {
      SINTER_ASSIGN(expected.dtype, capi::to_dtype(dtype));
    }
    if (rank >= 0) {
      SINTER_ASSIGN(const Dims shape, capi::to_dims(dims, rank));
      expected.shape = to_shape(shape);
    }
    SINTER_ASSIGN(const Value value, onnx::read_value(path, expected));
    if (!value.is_tensor()) return make_error(Code::kUnsupported, "'{}': found a sequence or optional, expected a tensor", path);
    return make_array(value.tensor(), out);
  });
}

sinter_status sinter_array_random(uint64_t seed, sinter_dtype dtype, const int64_t* dims, int32_t rank, sinter_array** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the array"));
    SINTER_ASSIGN(const DType type, capi::to_dtype(dtype));
    SINTER_ASSIGN(const Dims shape, capi::to_dims(dims, rank));
    SINTER_ASSIGN(const Tensor tensor, session::random_tensor(type, shape, seed));
    return make_array(tensor, out);
  });
}

sinter_status sinter_array_picture(const char* path, const char* preprocess, sinter_array** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(path && out, "the path or the place for the array"));
    data::Preprocess how;
    const std::string_view given = preprocess ? preprocess : "{}";
    const size_t first = given.find_first_not_of(" \t\r\n");
    if (first != given.npos && given[first] == '{') {
      SINTER_ASSIGN(how, data::parse_preprocess(given, "preprocess"));
    } else {
      SINTER_ASSIGN(how, data::read_preprocess(std::string(given)));
    }
    SINTER_ASSIGN(const std::string bytes, read_file(path));
    SINTER_ASSIGN(data::Image image, data::decode_image(bytes, path));
    SINTER_ASSIGN(const Tensor tensor, data::apply(how, std::move(image), path));
    return make_array(tensor, out);
  });
}

sinter_status sinter_array_tensor(const sinter_array* array, sinter_tensor* out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(array && out, "the array or the place for the tensor"));
    *out = array->text.view;
    return ok_status();
  });
}

void sinter_array_free(sinter_array* array) { delete array; }

sinter_status sinter_tensor_write(const char* path, const sinter_tensor* tensor) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(path && tensor, "the path or the tensor"));
    SINTER_ASSIGN(const Tensor value, capi::to_tensor(*tensor, false));
    if (ends_with(path, ".npy")) return onnx::write_npy(path, value);
    if (ends_with(path, ".pb")) return onnx::write_pb(path, value, value.type());
    return write_file(path, {static_cast<const char*>(value.raw()), static_cast<size_t>(value.bytes())});
  });
}

}  // extern "C"
