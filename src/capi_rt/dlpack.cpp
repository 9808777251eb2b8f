#include "capi_rt/dlpack.h"

#include <array>

#include "plan/plan.h"

namespace sinter::capi {
namespace {

struct Pairing {
  DType dtype;
  uint8_t code, bits;
};
// Codes: 0 int, 1 uint, 2 float, 4 bfloat, 5 complex, 6 bool, from 7 on the 8-bit floats. Types of less than a byte are packed differently there.
constexpr std::array kPairings = {
    Pairing{DType::kF32, 2, 32}, Pairing{DType::kU8, 1, 8}, Pairing{DType::kI8, 0, 8}, Pairing{DType::kU16, 1, 16}, Pairing{DType::kI16, 0, 16},
    Pairing{DType::kI32, 0, 32}, Pairing{DType::kI64, 0, 64}, Pairing{DType::kBool, 6, 8}, Pairing{DType::kF16, 2, 16}, Pairing{DType::kF64, 2, 64},
    Pairing{DType::kU32, 1, 32}, Pairing{DType::kU64, 1, 64}, Pairing{DType::kC64, 5, 64}, Pairing{DType::kC128, 5, 128},
    Pairing{DType::kBF16, 4, 16}, Pairing{DType::kF8E4M3FN, 10, 8}, Pairing{DType::kF8E4M3FNUZ, 11, 8}, Pairing{DType::kF8E5M2, 12, 8},
    Pairing{DType::kF8E5M2FNUZ, 13, 8}, Pairing{DType::kF8E8M0, 14, 8}};

std::string device_text(const DLDevice& device) {
  if (device.device_type == kDlCpu || device.device_type == kDlCudaHost) return "host memory";
  if (device.device_type == kDlCuda || device.device_type == kDlCudaManaged) return fmt::format("memory of cuda:{}", device.device_id);
  return fmt::format("memory of device type {}", device.device_type);
}

// Dims of one element or none have no stride that matters.
bool is_dense(const DLTensor& tensor, const Dims& dims) {
  if (!tensor.strides || product(dims) == 0) return true;
  int64_t expected = 1;
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (dims[axis] != 1 && tensor.strides[axis] != expected) return false;
    expected *= dims[axis];
  }
  return true;
}

struct Exported {
  DLManagedTensor managed{};
  Dims shape;
  std::shared_ptr<const void> owner;
};

}  // namespace

Result<Imported> import_dlpack(const DLManagedTensor* managed, int ordinal) {
  if (!managed) return make_error(Code::kInvalidArgument, "DLPack tensor: it is missing (NULL); pass it");
  const DLTensor& tensor = managed->dl_tensor;
  if (tensor.ndim < 0 || tensor.ndim > 64 || (tensor.ndim > 0 && !tensor.shape)) {
    return make_error(Code::kInvalidArgument, "DLPack tensor: found {} dims{}, expected 0 to 64 with their sizes", tensor.ndim, tensor.shape ? "" : " without a shape");
  }
  Imported imported;
  for (const Pairing& pairing : kPairings) {
    if (pairing.code == tensor.dtype.code && pairing.bits == tensor.dtype.bits && tensor.dtype.lanes == 1) imported.dtype = pairing.dtype;
  }
  if (imported.dtype == DType::kUndefined) {
    return make_error(Code::kUnsupported, "DLPack tensor: found elements of code {}, {} bits, {} lanes, which no element type of ONNX is; convert it first",
                      tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes);
  }
  imported.dims.assign(tensor.shape, tensor.shape + tensor.ndim);
  for (const int64_t dim : imported.dims) {
    if (dim < 0) return make_error(Code::kInvalidArgument, "DLPack tensor: shape {} has a negative dim", to_string(imported.dims));
  }
  const auto bytes = plan::physical_bytes(imported.dtype, Layout::kRowMajor, imported.dims);
  if (!bytes) return make_error(Code::kInvalidArgument, "DLPack tensor: {}{} is no tensor that fits into memory", dtype_name(imported.dtype), to_string(imported.dims));
  imported.bytes = *bytes;
  if (!is_dense(tensor, imported.dims)) {
    return make_error(Code::kUnsupported, "DLPack tensor {}{}: found strides {}, expected a dense row-major tensor; make it contiguous first",
                      dtype_name(imported.dtype), to_string(imported.dims), to_string(Dims(tensor.strides, tensor.strides + tensor.ndim)));
  }
  const int32_t type = tensor.device.device_type;
  imported.on_device = type == kDlCuda || type == kDlCudaManaged;
  const bool reachable = imported.on_device ? ordinal >= 0 && (type == kDlCudaManaged || tensor.device.device_id == ordinal) : type == kDlCpu || type == kDlCudaHost;
  if (!reachable) {
    return make_error(Code::kInvalidArgument, "DLPack tensor {}{}: found it in {}, expected host memory{}; move it there first", dtype_name(imported.dtype),
                      to_string(imported.dims), device_text(tensor.device), ordinal >= 0 ? fmt::format(" or memory of cuda:{}", ordinal) : " (the engine runs on the CPU)");
  }
  if (!tensor.data && imported.bytes > 0) return make_error(Code::kInvalidArgument, "DLPack tensor {}{}: it has no data (NULL)", dtype_name(imported.dtype), to_string(imported.dims));
  imported.data = static_cast<uint8_t*>(tensor.data) + tensor.byte_offset;
  return imported;
}

Result<DLManagedTensor*> export_dlpack(DType dtype, const Dims& dims, const void* data, std::shared_ptr<const void> owner, int ordinal) {
  auto exported = std::make_unique<Exported>();
  for (const Pairing& pairing : kPairings) {
    if (pairing.dtype == dtype) exported->managed.dl_tensor.dtype = {pairing.code, pairing.bits, 1};
  }
  if (exported->managed.dl_tensor.dtype.lanes == 0) {
    return make_error(Code::kUnsupported, "DLPack has no element type for {}; read the output with sinter_context_output", dtype_name(dtype));
  }
  exported->shape = dims;
  exported->owner = std::move(owner);
  DLTensor& tensor = exported->managed.dl_tensor;
  tensor.data = const_cast<void*>(data);
  tensor.device = ordinal >= 0 ? DLDevice{kDlCuda, ordinal} : DLDevice{kDlCpu, 0};
  tensor.ndim = static_cast<int32_t>(dims.size());
  tensor.shape = exported->shape.data();
  exported->managed.manager_ctx = exported.get();
  exported->managed.deleter = [](DLManagedTensor* self) { delete static_cast<Exported*>(self->manager_ctx); };
  return &exported.release()->managed;
}

}  // namespace sinter::capi
