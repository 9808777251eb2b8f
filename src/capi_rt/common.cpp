// Part 1 of sinter.h: errors, names, log, and conversions shared by the other files.
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/version.h"
#include "capi_rt/handles.h"

namespace sinter::capi {
namespace {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

}  // namespace

sinter_status report(const Status& status) noexcept {
  if (status.ok()) return SINTER_OK;
  try {
    last_error() = status.to_string();
  } catch (const std::bad_alloc&) {
    last_error().clear();
  }
  return static_cast<sinter_status>(status.code());
}

char* copy_text(const std::string& text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

IoText::IoText(const engine::IoInfo& io) : name(io.name), type(io.type.to_string()) {
  info.name = name.c_str();
  info.type = type.c_str();
  info.kind = io.type.is_tensor() ? SINTER_TENSOR : io.type.is_sequence() ? SINTER_SEQUENCE
              : io.type.is_optional() ? SINTER_OPTIONAL : SINTER_UNKNOWN;
  info.dtype = io.type.is_tensor() ? static_cast<sinter_dtype>(io.type.dtype) : SINTER_UNDEFINED;
  info.rank = io.type.is_tensor() ? io.type.rank() : -1;
  if (info.rank < 0) return;
  for (const Dim& dim : *io.type.shape) {
    dims.push_back(dim.is_constant() ? dim.value() : -1);
    dim_texts.push_back(dim.to_string());
  }
  for (const std::string& text : dim_texts) dim_names.push_back(text.c_str());
  info.dims = dims.data();
  info.dim_names = dim_names.data();
}

void TensorText::assign(const Tensor& source) {
  tensor = source;
  view.dtype = static_cast<sinter_dtype>(tensor.dtype());
  view.rank = tensor.rank();
  view.dims = tensor.dims().data();
  view.count = tensor.count();
  view.bytes = static_cast<size_t>(tensor.bytes());
  view.data = tensor.raw();
  if (tensor.dtype() != DType::kString) return;
  strings.clear();
  for (int64_t i = 0; i < tensor.count(); ++i) strings.push_back(tensor.data<std::string>()[i].c_str());
  view.data = strings.data();
}

Result<DType> to_dtype(sinter_dtype dtype) {
  const int number = static_cast<int>(dtype);
  if (number > 0 && number < kDTypeCount) return static_cast<DType>(number);
  return make_error(Code::kInvalidArgument, "element type {} is unknown; use a sinter_dtype", number);
}

Result<Dims> to_dims(const int64_t* dims, int32_t rank) {
  if (rank < 0 || rank > 64 || (rank > 0 && !dims)) {
    return make_error(Code::kInvalidArgument, "shape of rank {}; pass dims and a rank of 0 to 64", rank);
  }
  Dims shape(dims, dims + rank);
  for (int64_t dim : shape) {
    if (dim < 0) return make_error(Code::kInvalidArgument, "shape {} has a negative dim; every dim must be known here", to_string(shape));
  }
  return shape;
}

Result<Tensor> to_tensor(const sinter_tensor& tensor, bool copy) {
  SINTER_ASSIGN(const DType dtype, to_dtype(tensor.dtype));
  SINTER_ASSIGN(Dims dims, to_dims(tensor.dims, tensor.rank));
  const bool strings = dtype == DType::kString;
  const auto bytes = plan::physical_bytes(strings ? DType::kU64 : dtype, Layout::kRowMajor, dims);
  if (!bytes) {
    return make_error(Code::kInvalidArgument, "{}{} is no tensor that fits into memory", dtype_name(dtype), to_string(dims));
  }
  if (!tensor.data && *bytes > 0) return require(false, "the tensor's data");
  if (!strings && !copy) return Tensor::view(dtype, std::move(dims), const_cast<void*>(tensor.data));
  Tensor out(dtype, std::move(dims));
  if (!strings && *bytes > 0) std::memcpy(out.raw(), tensor.data, static_cast<size_t>(*bytes));
  for (int64_t i = 0; strings && i < out.count(); ++i) {
    const char* text = static_cast<const char* const*>(tensor.data)[i];
    if (!text) return require(false, "a string of the tensor");
    out.data<std::string>()[i] = text;
  }
  return out;
}

}  // namespace sinter::capi

using namespace sinter;

extern "C" {

const char* sinter_version(void) {
  static const std::string text(version());
  return text.c_str();
}

const char* sinter_last_error(void) { return capi::last_error().c_str(); }

const char* sinter_status_name(sinter_status status) { return code_name(static_cast<Code>(status)).data(); }

const char* sinter_dtype_name(sinter_dtype dtype) {
  const auto known = capi::to_dtype(dtype);
  return known.ok() ? dtype_name(*known).data() : "undefined";
}

sinter_dtype sinter_dtype_parse(const char* name) {
  const auto dtype = name ? parse_dtype(name) : std::nullopt;
  return dtype ? static_cast<sinter_dtype>(*dtype) : SINTER_UNDEFINED;
}

size_t sinter_dtype_bytes(sinter_dtype dtype, int64_t count) {
  const auto known = capi::to_dtype(dtype);
  if (!known.ok() || count < 0) return 0;
  return static_cast<size_t>(plan::physical_bytes(*known, Layout::kRowMajor, {count}).value_or(0));
}

void sinter_free(void* memory) { std::free(memory); }

void sinter_set_log_sink(sinter_log_fn sink, void* user) {
  if (!sink) return set_log_sink({});
  set_log_sink([sink, user](Severity severity, const std::string& message) {
    sink(user, static_cast<sinter_severity>(severity), message.c_str());
  });
}

}  // extern "C"
