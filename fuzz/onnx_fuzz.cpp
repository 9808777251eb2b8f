#include "fuzz_targets.h"
#include "ir/graph.h"
#include "onnx/import.h"
#include "onnx/tensor_io.h"

int fuzz_onnx(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto findings = sinter::onnx::check_bytes(bytes, "fuzz.onnx");
  const auto model = sinter::onnx::import_bytes(bytes, "fuzz.onnx");
  if (model.ok()) {
    (void)sinter::ir::print(*model->graph);
    (void)sinter::ir::infer_types(*model->graph);
  }
  return 0;
}

int fuzz_tensor(const uint8_t* data, size_t size) {
  using sinter::ValueType;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ValueType tensor = ValueType::tensor(sinter::DType::kF32);
  for (const ValueType& type : {tensor, ValueType::sequence(tensor), ValueType::optional(tensor)}) {
    (void)sinter::onnx::parse_pb(bytes, type, "fuzz.pb");
  }
  (void)sinter::onnx::parse_npy(bytes, "fuzz.npy");
  return 0;
}

#ifdef SINTER_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return fuzz_onnx(data, size); }
#endif
