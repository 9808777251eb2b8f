// usage: bench_int8 [--filter=TEXT] [--isa=amx|avx512_vnni|avx512|avx2|baseline] [--signed] [--float] [--residual] [--silu]
//
// Times each layer on one thread in 8 bits (u8, or i8 with --signed, times i8; relu and quantization to u8 fused, or an f32 result with
// --float; a residual in 8 bits with --residual; silu in place of relu with --silu, in 8 bits only) and in f32 in turns, and prints GOP/s, the
// share of what the vector units do (four times the f32 multiply-adds measured at the same time) and how many times faster 8 bits are.
// Weights rotate through copies as in bench_kernels.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

#include "cpu/kernels/conv_bytes.h"
#include "cpu/kernels/depthwise.h"
#include "cpu/kernels/depthwise_bytes.h"
#include "cpu/kernels/matmul_bytes.h"
#include "kernels/layers.h"

namespace sinter::cpu {
namespace {

struct Options {
  std::string filter;
  Isa isa = cpu_info().isa;
  bool is_signed = false, to_float = false, residual = false, silu = false;
};

std::shared_ptr<char[]> memory(int64_t bytes) {
  const int64_t size = (bytes + 4223) / 64 * 64;
  std::shared_ptr<char[]> result(static_cast<char*>(std::aligned_alloc(64, static_cast<size_t>(size))), std::free);
  for (int64_t i = 0; i < size; ++i) result[i] = static_cast<char>(i * 31 % 113);
  return result;
}
std::shared_ptr<char[]> floats(int64_t count) {
  auto result = memory(count * 4);
  for (int64_t i = 0; i < count; ++i) reinterpret_cast<float*>(result.get())[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  return result;
}
template <typename T>
T* as(const std::shared_ptr<char[]>& data) {
  return reinterpret_cast<T*>(data.get());
}

// Copies of weights, given out in turn.
struct Ring {
  std::vector<std::shared_ptr<char[]>> copies;
  size_t next = 0;
  Ring(int64_t bytes, bool is_float) {
    const int64_t wanted = std::clamp<int64_t>((8 << 20) / std::max<int64_t>(bytes, 1), 1, 64);
    for (int64_t i = 0; i < wanted; ++i) copies.push_back(is_float ? floats(bytes / 4) : memory(bytes));
  }
  const char* take() { return copies[next++ % copies.size()].get(); }
};

// The epilogue's arrays, kept alive by the function that uses it.
struct Finish {
  std::shared_ptr<char[]> start, scale, bias, residual;
  ByteEpilogue bytes;
  Epilogue epilogue;
  Finish(const Options& options, int64_t columns, int64_t outputs) {
    start = memory((columns + kColumnSlack) * 4);
    scale = floats(columns + kColumnSlack);
    bias = floats(columns + kColumnSlack);
    std::fill_n(as<float>(scale), columns, 1e-4f);
    std::fill_n(as<int32_t>(start), columns, -20000);
    residual = memory(outputs);
    bytes.store = options.to_float ? ByteStore::kFloat : ByteStore::kU8;
    bytes.start = as<int32_t>(start);
    bytes.scale = bytes.folded_scale = as<float>(scale);
    bytes.folded_bias = as<float>(bias);
    bytes.folded = !options.to_float && !options.silu;
    bytes.high = 255;
    if (options.residual) {
      bytes.residual = as<uint8_t>(residual);
      bytes.residual_stride = columns;
      bytes.residual_scale = 0.1f;
    }
    epilogue.bias = as<float>(bias);
    epilogue.activation = options.silu ? Activation::kSilu : Activation::kRelu;
    epilogue.bytes = &bytes;
  }
};

using Fn = std::function<void()>;

Fn byte_conv(const Layer& layer, const KernelTable& table, const Options& options) {
  const ConvShape s = layer.conv;
  const int64_t outputs = s.batch * s.oh * s.ow * s.out_channels;
  const auto src = memory(s.batch * s.h * s.w * s.channels), dst = memory(outputs * 4);
  const auto finish = std::make_shared<Finish>(options, s.out_channels, outputs);
  const ByteSource source{src.get(), options.is_signed, 3};
  if (layer.kind == LayerKind::kFewChannels) {
    const GemmBlocking blocking = conv_bytes_few_channels_blocking(table, s);
    const auto weights = std::make_shared<Ring>(conv_bytes_few_channels_packed_bytes(s), false);
    const auto workspace = memory(conv_bytes_few_channels_workspace_bytes(s, blocking, 1));
    const ImageStrides strides{s.channels * s.h * s.w, s.h * s.w, s.w, 1};
    return [=, &table] {
      (void)src;
      conv_bytes_few_channels(table, s, blocking, source, strides, reinterpret_cast<const int8_t*>(weights->take()), dst.get(), finish->epilogue,
                              inline_team(), workspace.get());
    };
  }
  if (layer.kind == LayerKind::kDepthwise) {
    const auto weights = std::make_shared<Ring>(depthwise_bytes_packed_bytes(s), false);
    const auto workspace = memory(depthwise_bytes_workspace_bytes(s));
    return [=, &table] {
      (void)src;
      depthwise_bytes(table, s, source, reinterpret_cast<const int8_t*>(weights->take()), dst.get(), finish->epilogue, inline_team(), workspace.get());
    };
  }
  const GemmBlocking blocking = conv_bytes_blocking(table, s);
  const auto weights = std::make_shared<Ring>(conv_bytes_packed_bytes(s), false);
  const auto workspace = memory(conv_bytes_workspace_bytes(s, blocking, options.is_signed, false, 1));
  return [=, &table] {
    (void)src;
    conv_bytes(table, s, blocking, source, reinterpret_cast<const int8_t*>(weights->take()), dst.get(), finish->epilogue, inline_team(), workspace.get());
  };
}

Fn float_conv(const Layer& layer, const KernelTable& table) {
  const ConvShape s = layer.conv;
  const auto src = floats(s.batch * s.h * s.w * s.channels), dst = floats(s.batch * s.oh * s.ow * s.out_channels), bias = floats(s.out_channels);
  Epilogue e;
  e.bias = as<float>(bias);
  e.activation = Activation::kRelu;
  if (layer.kind == LayerKind::kDepthwise) {
    const auto weights = std::make_shared<Ring>(depthwise_packed_floats(s) * 4, true);
    return [=, &table] {
      (void)bias;
      depthwise(table, s, as<float>(src), reinterpret_cast<const float*>(weights->take()), as<float>(dst), e, inline_team());
    };
  }
  const bool few = layer.kind == LayerKind::kFewChannels;
  const GemmBlocking blocking = few ? conv_few_channels_blocking(table, s) : conv_blocking(table, s);
  const auto weights = std::make_shared<Ring>(conv_packed_floats(s) * 4, true);
  const auto workspace = memory(few ? conv_few_channels_workspace_bytes(s, blocking, 1) : conv_workspace_bytes(s, blocking, 1));
  const ImageStrides strides{s.channels * s.h * s.w, s.h * s.w, s.w, 1};
  return [=, &table] {
    (void)bias;
    const auto* packed = reinterpret_cast<const float*>(weights->take());
    if (few) conv_few_channels(table, s, blocking, as<float>(src), strides, packed, as<float>(dst), e, inline_team(), workspace.get());
    else conv(table, s, blocking, as<float>(src), packed, as<float>(dst), e, inline_team(), workspace.get());
  };
}

bool is_matmul(const Layer& layer) { return layer.kind == LayerKind::kMatmul || layer.kind == LayerKind::kDynamicMatmul; }

Fn byte_matmul(const Layer& layer, const KernelTable& table, const Options& options) {
  MatmulShape s = layer.matmul;
  const bool ahead = layer.kind == LayerKind::kMatmul;
  const auto a = memory(s.batch * s.m * s.k), c = memory(s.batch * s.m * s.n * 4);
  const auto finish = std::make_shared<Finish>(options, s.n, s.batch * s.m * s.n);
  const ByteSource source{a.get(), options.is_signed, 3};
  const GemmBlocking blocking = matmul_bytes_blocking(table, s);
  const auto weights = std::make_shared<Ring>(ahead ? matmul_bytes_packed_bytes(s.n, s.k) : s.batch * s.n * s.k, false);
  const auto sums = memory(matmul_bytes_sums(s.n) * 4);
  const auto workspace = memory(matmul_bytes_workspace_bytes(s, blocking, options.is_signed, ahead, false, 1));
  return [=, &table] {
    (void)a;
    ByteRight right;
    if (ahead) {
      right.packed = reinterpret_cast<const int8_t*>(weights->take());
      right.sums = as<int32_t>(sums);
    } else {
      right.plain = reinterpret_cast<const uint8_t*>(weights->take());
    }
    matmul_bytes(table, s, blocking, source, right, c.get(), finish->epilogue, inline_team(), workspace.get());
  };
}

Fn float_matmul(const Layer& layer, const KernelTable& table) {
  const MatmulShape s = layer.matmul;
  const auto a = floats(s.batch * s.m * s.k), c = floats(s.batch * s.m * s.n);
  const GemmBlocking blocking = matmul_blocking(table, s);
  Epilogue e;
  e.activation = Activation::kRelu;
  const bool ahead = layer.kind == LayerKind::kMatmul;
  const auto weights = std::make_shared<Ring>((ahead ? matmul_packed_floats(s.n, s.k) : s.batch * s.n * s.k) * 4, true);
  const auto workspace = memory(ahead ? matmul_workspace_bytes(s, blocking, 1) : matmul_dynamic_workspace_bytes(s, blocking, 1));
  return [=, &table] {
    const auto* b = reinterpret_cast<const float*>(weights->take());
    if (ahead) matmul(table, s, blocking, as<float>(a), b, as<float>(c), e, inline_team(), workspace.get());
    else matmul_dynamic(table, s, blocking, as<float>(a), b, as<float>(c), e, inline_team(), workspace.get());
  };
}

double seconds_of(const Fn& fn, int repeats) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i) fn();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / repeats;
}

// The best time of each, taken in turns.
std::vector<double> best_of(const std::vector<Fn>& fns) {
  std::vector<double> best(fns.size(), 1e9);
  std::vector<int> repeats;
  for (const Fn& fn : fns) {
    fn();
    repeats.push_back(std::max(1, static_cast<int>(2e-3 / seconds_of(fn, 1))));
  }
  for (int round = 0; round < 25; ++round) {
    for (size_t i = 0; i < fns.size(); ++i) best[i] = std::min(best[i], seconds_of(fns[i], repeats[i]));
  }
  return best;
}

void print_all(const Options& options) {
  const KernelTable& table = kernel_table(options.isa);
  fmt::print("{:<16} {:<20} {:>9} {:>8} {:>7} {:>9} {:>7}\n", "network", "layer", "us int8", "GOP/s", "of peak", "us f32", "times");
  std::string network;
  double total[2] = {0, 0};
  const auto flush = [&] {
    if (!network.empty()) fmt::print("{:<16} total int8 {:.0f} us, f32 {:.0f} us: {:.2f} times\n", network, total[0], total[1], total[1] / total[0]);
    total[0] = total[1] = 0;
  };
  float sink = 0;
  for (const Layer& layer : all_layers()) {
    if (fmt::format("{} {}", layer.network, layer.name).find(options.filter) == std::string::npos) continue;
    if (network != layer.network) flush();
    network = layer.network;
    const std::vector<double> t = best_of({is_matmul(layer) ? byte_matmul(layer, table, options) : byte_conv(layer, table, options),
                                          is_matmul(layer) ? float_matmul(layer, table) : float_conv(layer, table), [&] { sink += table.peak_loop(20000); }});
    const double peak = 4 * static_cast<double>(table.peak_ops) * 20000 / t[2];
    total[0] += t[0] * 1e6 * layer.count;
    total[1] += t[1] * 1e6 * layer.count;
    fmt::print("{:<16} {:<20} {:>9.1f} {:>8.0f} {:>6.0f}% {:>9.1f} {:>7.2f}\n", layer.network, layer.name, t[0] * 1e6, layer.flops() * 1e-9 / t[0],
               100 * layer.flops() / t[0] / peak, t[1] * 1e6, t[1] / t[0]);
  }
  flush();
  if (sink == 1) fmt::print("\n");
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.starts_with("--filter=")) options.filter = arg.substr(9);
    else if (arg == "--signed") options.is_signed = true;
    else if (arg == "--float") options.to_float = true;
    else if (arg == "--residual") options.residual = true;
    else if (arg == "--silu") options.silu = true;
    else if (arg == "--isa=avx512_vnni") options.isa = Isa::kAvx512Vnni;
    else if (arg == "--isa=avx512") options.isa = Isa::kAvx512;
    else if (arg == "--isa=avx2") options.isa = Isa::kAvx2;
    else if (arg == "--isa=baseline") options.isa = Isa::kBaseline;
  }
  return options;
}

}  // namespace
}  // namespace sinter::cpu

int main(int argc, char** argv) {
  sinter::cpu::print_all(sinter::cpu::parse(argc, argv));
  return 0;
}
