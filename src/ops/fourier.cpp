// Mixed-radix decimation in time.
#include "ops/fourier.h"

#include <algorithm>
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

// std::complex's product looks for infinities; here it is the plain one.
Complex times(const Complex& a, const Complex& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

// Transforms x[0], x[stride], … (n of them) into y; `roots` are the whole length's roots of unity, `terms` has room for the largest factor.
void transform(const Complex* x, size_t stride, size_t n, const std::vector<Complex>& roots, std::vector<Complex>& terms, Complex* y) {
  if (n == 1) {
    y[0] = x[0];
    return;
  }
  const size_t p = smallest_factor(n), m = n / p, step = roots.size() / n;
  for (size_t r = 0; r < p; ++r) transform(x + r * stride, stride * p, m, roots, terms, y + r * m);
  for (size_t k = 0; k < m; ++k) {
    if (p == 2) {
      const Complex a = y[k], b = times(y[m + k], roots[k * step]);
      y[k] = a + b;
      y[m + k] = a - b;
      continue;
    }
    for (size_t r = 0; r < p; ++r) terms[r] = times(y[r * m + k], roots[r * k * step]);
    for (size_t q = 0; q < p; ++q) {
      Complex sum = terms[0];
      // The root's number is r * q * m modulo n.
      for (size_t r = 1, root = 0; r < p; ++r) {
        root = (root + q * m) % n;
        sum += times(terms[r], roots[root * step]);
      }
      y[q * m + k] = sum;
    }
  }
}

}  // namespace

std::vector<Complex> fourier(const std::vector<Complex>& x, bool inverse) {
  const size_t n = x.size();
  std::vector<Complex> roots(n), y(n);
  if (n == 0) return y;
  for (size_t k = 0; k < n; ++k)
    roots[k] = std::polar(1.0, (inverse ? 2 : -2) * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
  size_t largest = 1;
  for (size_t rest = n; rest > 1;) {
    const size_t p = smallest_factor(rest);
    largest = std::max(largest, p);
    rest /= p;
  }
  std::vector<Complex> terms(largest);
  transform(x.data(), 1, n, roots, terms, y.data());
  if (inverse)
    for (Complex& value : y) value /= static_cast<double>(n);
  return y;
}

}  // namespace sinter::ops
