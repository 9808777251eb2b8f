// Mixed-radix decimation in time.
#include "ops/fourier.h"

#include <cstddef>
#include <numbers>

namespace sinter::ops {
namespace {

using Complex = std::complex<double>;

size_t smallest_factor(size_t n) {
  for (size_t p = 2; p * p <= n; ++p)
    if (n % p == 0) return p;
  return n;
}

// Transforms x[0], x[stride], … (n of them) into y; `roots` are the whole length's roots of unity.
void transform(const Complex* x, size_t stride, size_t n, const std::vector<Complex>& roots, Complex* y) {
  if (n == 1) {
    y[0] = x[0];
    return;
  }
  const size_t p = smallest_factor(n), m = n / p, step = roots.size() / n;
  std::vector<Complex> parts(n);
  for (size_t r = 0; r < p; ++r) transform(x + r * stride, stride * p, m, roots, parts.data() + r * m);
  for (size_t k = 0; k < n; ++k) {
    Complex sum = 0;
    for (size_t r = 0; r < p; ++r) sum += parts[r * m + k % m] * roots[r * k % n * step];
    y[k] = sum;
  }
}

}  // namespace

std::vector<Complex> fourier(const std::vector<Complex>& x, bool inverse) {
  const size_t n = x.size();
  std::vector<Complex> roots(n), y(n);
  if (n == 0) return y;
  for (size_t k = 0; k < n; ++k)
    roots[k] = std::polar(1.0, (inverse ? 2 : -2) * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
  transform(x.data(), 1, n, roots, y.data());
  if (inverse)
    for (Complex& value : y) value /= static_cast<double>(n);
  return y;
}

}  // namespace sinter::ops
