// The discrete Fourier transform of DFT and STFT, in double.
#pragma once

#include <memory>
#include <vector>

namespace sinter::ops {

// A line of complex numbers, the parts apart, so that loops over either are plain.
struct ComplexLine {
  std::vector<double> re, im;
  void resize(size_t n) {
    re.resize(n);
    im.resize(n);
  }
};

// y[k] = Σ_n x[n]·exp(∓2πi·k·n/N); `inverse` takes the plus sign and divides by N. N·log N steps for every N. What depends on N alone is made once, so one object
// serves all lines of a call.
class Fourier {
 public:
  Fourier(size_t length, bool inverse);
  // In place.
  void transform(ComplexLine& line);

 private:
  void pass(size_t radix, size_t rest, size_t stride, const ComplexLine& x, ComplexLine& y) const;
  void butterflies(size_t radix, size_t p, size_t rest, size_t stride, const ComplexLine& x, ComplexLine& y) const;
  void convolve(ComplexLine& line);

  size_t length_;
  bool inverse_;
  std::vector<size_t> radices_;
  ComplexLine roots_, scratch_;
  // Lengths with a large prime factor: as a convolution with `chirp_`, by transforms of a power of two.
  std::unique_ptr<Fourier> forward_, backward_;
  ComplexLine chirp_, kernel_, padded_;
};

}  // namespace sinter::ops
