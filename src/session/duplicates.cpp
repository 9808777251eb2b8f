#include "session/duplicates.h"

#include <cmath>

namespace sinter::session {

void Duplicates::add(const std::string& name, const Tensor& tensor) {
  constexpr size_t kMostSamples = 20000;  // beyond, comparing all with all takes long
  if (signatures_.size() >= kMostSamples || tensor.count() == 0 || dtype_bits(tensor.dtype()) < 8 || tensor.dtype() == DType::kBool) return;
  const Tensor wide = tensor.dtype() == DType::kF32 ? tensor : tensor.cast(DType::kF32);
  Signature signature{name, {}, 0};
  const auto count = static_cast<size_t>(wide.count());
  double mean = 0;
  for (size_t part = 0; part < kParts; ++part) {
    const size_t begin = count * part / kParts, end = count * (part + 1) / kParts;
    float sum = 0;
    for (size_t i = begin; i < end; ++i) sum += wide.data<float>()[i];
    signature.sums[part] = end > begin ? sum / static_cast<float>(end - begin) : 0;
    mean += signature.sums[part] / kParts;
  }
  double square = 0;
  for (float& sum : signature.sums) {
    sum -= static_cast<float>(mean);
    square += double{sum} * sum;
  }
  signature.spread = static_cast<float>(std::sqrt(square));
  signatures_.push_back(std::move(signature));
}

Duplicates::Finding Duplicates::find() const {
  constexpr float kNear = 0.01f;
  Finding finding;
  for (size_t i = 1; i < signatures_.size(); ++i) {
    const Signature& a = signatures_[i];
    for (size_t j = 0; j < i; ++j) {
      const Signature& b = signatures_[j];
      const float allowed = kNear * a.spread;
      if (std::fabs(a.spread - b.spread) > allowed) continue;
      float square = 0;
      for (size_t part = 0; part < kParts && square <= allowed * allowed; ++part) {
        const float difference = a.sums[part] - b.sums[part];
        square += difference * difference;
      }
      if (!(square <= allowed * allowed)) continue;
      if (finding.count++ == 0) finding.first = b.name, finding.second = a.name;
      break;
    }
  }
  return finding;
}

}  // namespace sinter::session
