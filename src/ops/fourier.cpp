// Stockham's form: a pass for each factor of the length, from one buffer to the other, whose inner loops run over neighbouring numbers. A length with a prime factor that
// is too large for sums is Bluestein's convolution.
#include "ops/fourier.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace sinter::ops {
namespace {

constexpr size_t kMaxRadix = 61;

// 4 first: fewer passes than 2.
std::vector<size_t> factors_of(size_t n) {
  std::vector<size_t> factors;
  for (size_t p = 4; n > 1; p = p == 4 ? 2 : p == 2 ? 3 : p + 2) {
    if (p * p > n && p > 4) p = n;
    for (; n % p == 0; n /= p) factors.push_back(p);
  }
  return factors;
}

void set_root(ComplexLine& roots, size_t k, double turns) {
  roots.re[k] = std::cos(2 * std::numbers::pi * turns);
  roots.im[k] = std::sin(2 * std::numbers::pi * turns);
}

// line · factor, number by number.
void multiply(ComplexLine& line, const ComplexLine& factor, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const double re = line.re[i] * factor.re[i] - line.im[i] * factor.im[i];
    line.im[i] = line.re[i] * factor.im[i] + line.im[i] * factor.re[i];
    line.re[i] = re;
  }
}

}  // namespace

Fourier::Fourier(size_t length, bool inverse) : length_(length), inverse_(inverse), radices_(factors_of(length)) {
  const double sign = inverse ? 1 : -1, n = static_cast<double>(length);
  if (radices_.empty() || radices_.back() <= kMaxRadix) {
    roots_.resize(length);
    scratch_.resize(length);
    for (size_t k = 0; k < length; ++k) set_root(roots_, k, sign * static_cast<double>(k) / n);
    return;
  }
  // k·n = (k² + n² - (k - n)²) / 2: the chirp is exp(∓πi·k²/N), its exponent modulo 2N.
  size_t padded = 1;
  while (padded < 2 * length - 1) padded *= 2;
  forward_ = std::make_unique<Fourier>(padded, false);
  backward_ = std::make_unique<Fourier>(padded, true);
  chirp_.resize(length);
  kernel_.resize(padded);
  padded_.resize(padded);
  uint64_t square = 0;
  for (size_t k = 0; k < length; ++k) {
    set_root(chirp_, k, sign * static_cast<double>(square) / (2 * n));
    square = (square + 2 * k + 1) % (2 * length);
    for (const size_t at : {k, (padded - k) % padded}) {
      kernel_.re[at] = chirp_.re[k];
      kernel_.im[at] = -chirp_.im[k];
    }
  }
  forward_->transform(kernel_);
}

void Fourier::convolve(ComplexLine& line) {
  multiply(line, chirp_, length_);
  padded_.re.assign(padded_.re.size(), 0);
  padded_.im.assign(padded_.im.size(), 0);
  std::copy(line.re.begin(), line.re.end(), padded_.re.begin());
  std::copy(line.im.begin(), line.im.end(), padded_.im.begin());
  forward_->transform(padded_);
  multiply(padded_, kernel_, padded_.re.size());
  backward_->transform(padded_);
  std::copy_n(padded_.re.begin(), length_, line.re.begin());
  std::copy_n(padded_.im.begin(), length_, line.im.begin());
  multiply(line, chirp_, length_);
}

// Sums of `radix` numbers, for the radices without a form of their own.
void Fourier::butterflies(size_t radix, size_t p, size_t rest, size_t stride, const ComplexLine& x, ComplexLine& y) const {
  const size_t n = radix * rest, step = length_ / n;
  for (size_t j = 0; j < radix; ++j) {
    double *re = y.re.data() + stride * (radix * p + j), *im = y.im.data() + stride * (radix * p + j);
    for (size_t k = 0; k < radix; ++k) {
      // The root of the sum times the twiddle of its result.
      const size_t root = (j * k * rest + j * p) % n * step;
      const double wr = roots_.re[root], wi = roots_.im[root];
      const double *xr = x.re.data() + stride * (p + k * rest), *xi = x.im.data() + stride * (p + k * rest);
      for (size_t q = 0; q < stride; ++q) {
        re[q] = (k == 0 ? 0 : re[q]) + (xr[q] * wr - xi[q] * wi);
        im[q] = (k == 0 ? 0 : im[q]) + (xr[q] * wi + xi[q] * wr);
      }
    }
  }
}

// `rest` · `radix` places of `stride` numbers each: number p + k·rest of x, k < radix, become radix·p + j of y.
void Fourier::pass(size_t radix, size_t rest, size_t stride, const ComplexLine& x, ComplexLine& y) const {
  const size_t step = length_ / (radix * rest), apart = stride * rest;
  const double turn = inverse_ ? -1 : 1;
  for (size_t p = 0; p < rest; ++p) {
    if (radix != 4 && radix != 2) {
      butterflies(radix, p, rest, stride, x, y);
      continue;
    }
    const double w1r = roots_.re[p * step], w1i = roots_.im[p * step];
    const double *__restrict xr = x.re.data() + stride * p, *__restrict xi = x.im.data() + stride * p;
    double *__restrict yr = y.re.data() + stride * radix * p, *__restrict yi = y.im.data() + stride * radix * p;
    if (radix == 2) {
      for (size_t q = 0; q < stride; ++q) {
        const double dr = xr[q] - xr[q + apart], di = xi[q] - xi[q + apart];
        yr[q] = xr[q] + xr[q + apart];
        yi[q] = xi[q] + xi[q + apart];
        yr[q + stride] = dr * w1r - di * w1i;
        yi[q + stride] = dr * w1i + di * w1r;
      }
      continue;
    }
    const double w2r = roots_.re[2 * p * step], w2i = roots_.im[2 * p * step], w3r = roots_.re[3 * p * step], w3i = roots_.im[3 * p * step];
    for (size_t q = 0; q < stride; ++q) {
      const double ar = xr[q] + xr[q + 2 * apart], ai = xi[q] + xi[q + 2 * apart], br = xr[q] - xr[q + 2 * apart], bi = xi[q] - xi[q + 2 * apart];
      const double cr = xr[q + apart] + xr[q + 3 * apart], ci = xi[q + apart] + xi[q + 3 * apart];
      const double dr = turn * (xi[q + apart] - xi[q + 3 * apart]), di = turn * (xr[q + 3 * apart] - xr[q + apart]);
      yr[q] = ar + cr;
      yi[q] = ai + ci;
      yr[q + stride] = (br + dr) * w1r - (bi + di) * w1i;
      yi[q + stride] = (br + dr) * w1i + (bi + di) * w1r;
      yr[q + 2 * stride] = (ar - cr) * w2r - (ai - ci) * w2i;
      yi[q + 2 * stride] = (ar - cr) * w2i + (ai - ci) * w2r;
      yr[q + 3 * stride] = (br - dr) * w3r - (bi - di) * w3i;
      yi[q + 3 * stride] = (br - dr) * w3i + (bi - di) * w3r;
    }
  }
}

void Fourier::transform(ComplexLine& line) {
  if (forward_) {
    convolve(line);
  } else {
    size_t rest = length_, stride = 1;
    for (const size_t radix : radices_) {
      rest /= radix;
      pass(radix, rest, stride, line, scratch_);
      stride *= radix;
      std::swap(line.re, scratch_.re);
      std::swap(line.im, scratch_.im);
    }
  }
  for (size_t i = 0; inverse_ && i < length_; ++i) {
    line.re[i] /= static_cast<double>(length_);
    line.im[i] /= static_cast<double>(length_);
  }
}

}  // namespace sinter::ops
