#include "session/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sinter::session {

void Distance::add(const float* a, const float* b, int64_t count) {
  double aa = 0, bb = 0, ab = 0, dd = 0, worst = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double x = a[i], y = b[i];
    if (!std::isfinite(x) || !std::isfinite(y)) {
      differently_finite_ += !(x == y || (std::isnan(x) && std::isnan(y)));
      continue;
    }
    aa += x * x, bb += y * y, ab += x * y, dd += (x - y) * (x - y);
    worst = std::max(worst, std::fabs(x - y));
  }
  const double cosine = aa == 0 && bb == 0 ? 1 : aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa) / std::sqrt(bb);
  ++pairs_;
  squares_ += aa, differences_ += dd;
  max_error_ = std::max(max_error_, worst);
  cosines_ += cosine;
  least_cosine_ = std::min(least_cosine_, cosine);
}

void Distance::add(const Tensor& a, const Tensor& b) {
  const Tensor x = a.dtype() == DType::kF32 ? a : a.cast(DType::kF32), y = b.dtype() == DType::kF32 ? b : b.cast(DType::kF32);
  add(x.data<float>(), y.data<float>(), std::min(x.count(), y.count()));
}

double Distance::relative_l2() const {
  if (differences_ == 0) return 0;
  return squares_ > 0 ? std::sqrt(differences_ / squares_) : std::numeric_limits<double>::infinity();
}

double Distance::cosine() const { return pairs_ > 0 ? cosines_ / static_cast<double>(pairs_) : 1; }

}  // namespace sinter::session
