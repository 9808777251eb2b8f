// Digests of tensors and the constants that the text form leaves out.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "ir/graph.h"
#include "ir/text.h"

namespace sinter::ir {

std::string digest(const Tensor& tensor) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  const std::string type = tensor.type().to_string();
  XXH3_128bits_update(&state, type.data(), type.size() + 1);
  if (tensor.dtype() == DType::kString) {
    for (int64_t i = 0; i < tensor.count(); ++i) {
      const std::string& text = tensor.data<std::string>()[i];
      const uint64_t size = text.size();
      XXH3_128bits_update(&state, &size, sizeof(size));
      XXH3_128bits_update(&state, text.data(), text.size());
    }
  } else if (tensor.bytes() > 0) {
    XXH3_128bits_update(&state, tensor.raw(), static_cast<size_t>(tensor.bytes()));
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

namespace {
void collect(const Graph& graph, int64_t max_elements, BlobMap& blobs) {
  auto consider = [&](const Tensor& tensor) {
    if (printed_as_digest(tensor, max_elements)) blobs.emplace(digest(tensor), tensor);
  };
  for (const auto& [id, value] : graph.values()) {
    if (value->is_constant()) consider(value->constant);
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& [name, attribute] : node->attributes) {
      if (const Tensor* tensor = std::get_if<Tensor>(&attribute)) consider(*tensor);
    }
    for (const auto& [attribute, body] : node->subgraphs) collect(*body, max_elements, blobs);
  }
}
}  // namespace

BlobMap collect_blobs(const Graph& graph, int64_t max_elements) {
  BlobMap blobs;
  collect(graph, max_elements, blobs);
  return blobs;
}

}  // namespace sinter::ir
