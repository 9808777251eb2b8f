// The discrete Fourier transform of DFT and STFT, in double.
#pragma once

#include <complex>
#include <vector>

namespace sinter::ops {

// y[k] = Σ_n x[n]·exp(∓2πi·k·n/N) `inverse` takes the plus sign and divides by N. By the sum for lengths with large
// prime factors, in N·log N steps for others.
std::vector<std::complex<double>> fourier(const std::vector<std::complex<double>>& x, bool inverse);

}  // namespace sinter::ops
