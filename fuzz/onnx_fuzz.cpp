#include "fuzz_targets.h"
#include "ir/graph.h"
#include "onnx/import.h"
#include "onnx/tensor_io.h"

namespace {

constexpr int64_t kMaxElements = 1 << 16;  // of one value: what is larger only takes time

int64_t static_elements(const sinter::ValueType& type) {
  if (!type.is_tensor() || !type.shape) return -1;
  const auto dims = sinter::constant_dims(*type.shape);
  return dims ? sinter::product(*dims) : -1;
}

// Evaluation of small graphs of known shapes without loops: reference kernels see what shape rules let through.
void evaluate(const sinter::ir::Graph& graph) {
  for (const auto& [id, value] : graph.values()) {
    const int64_t elements = static_elements(value->type);
    if (elements < 0 || elements > kMaxElements) return;
  }
  for (const auto& node : graph.nodes()) {
    if (!node->subgraphs.empty()) return;
  }
  std::vector<sinter::Value> inputs;
  for (const auto* input : graph.inputs) {
    if (input->type.dtype == sinter::DType::kUndefined) return;
    sinter::Tensor tensor(input->type.dtype, *sinter::constant_dims(*input->type.shape));
    auto* bytes = static_cast<unsigned char*>(tensor.raw());
    for (int64_t i = 0; i < tensor.bytes(); ++i)
      bytes[i] = input->type.dtype == sinter::DType::kBool ? i & 1 : static_cast<unsigned char>(i);
    inputs.push_back(tensor);
  }
  (void)sinter::ir::evaluate(graph, std::move(inputs));
}

}  // namespace

int fuzz_onnx(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto findings = sinter::onnx::check_bytes(bytes, "fuzz.onnx");
  const auto model = sinter::onnx::import_bytes(bytes, "fuzz.onnx");
  if (model.ok()) {
    (void)sinter::ir::print(*model->graph);
    (void)sinter::ir::infer_types(*model->graph);
    evaluate(*model->graph);
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
