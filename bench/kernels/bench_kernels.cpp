// usage: bench_kernels [--filter=TEXT] [--isa=amx|avx512|avx2|baseline] [--bf16=1|3] [--onednn] [--panels=N] [--rows=N] [--k-block=N]
//                      [--row-tiles=N]
//
// Times each layer on one thread (relu fused), interleaved with oneDNN's when asked, and prints the best time and the
// best and the median GFLOP/s; with --bf16 by products of bf16 of one or three terms, where the processor has AMX. Runs rotate through copies of the weights that exceed the second-level cache, as the
// layers of a network do.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

#include "cpu/kernels/conv_bf16.h"
#include "cpu/kernels/depthwise.h"
#include "kernels/layers.h"

#if !defined(SINTER_BENCH_ONEDNN)
std::function<void()> sinter::cpu::onednn_layer(const Layer&) { return {}; }
#endif

namespace sinter::cpu {
namespace {

struct Options {
  std::string filter;
  Isa isa = cpu_info().isa;
  bool onednn = false;
  int bf16_terms = 0;  // 0: f32
  GemmBlocking forced{0, 0, 0, 0};
};

std::shared_ptr<float[]> floats(int64_t count) {
  const int64_t bytes = (count * 4 + 4159) / 64 * 64;
  std::shared_ptr<float[]> memory(static_cast<float*>(std::aligned_alloc(64, bytes)), std::free);
  for (int64_t i = 0; i < bytes / 4; ++i) memory[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  return memory;
}

void force(const Options& options, GemmBlocking& blocking) {
  if (options.forced.panels > 0) blocking.panels = options.forced.panels;
  if (options.forced.rows > 0) blocking.rows = options.forced.rows;
  if (options.forced.k_block > 0) blocking.k_block = options.forced.k_block;
  if (options.forced.row_tiles > 0) blocking.row_tiles = options.forced.row_tiles;
}

// Copies of weights, given out in turn.
struct WeightRing {
  std::vector<std::shared_ptr<float[]>> copies;
  int64_t next = 0;
  explicit WeightRing(int64_t count) {
    const int64_t copies_wanted = std::clamp<int64_t>((8 << 20) / (count * 4), 1, 64);
    for (int64_t i = 0; i < copies_wanted; ++i) copies.push_back(floats(count));
  }
  const float* take() { return copies[next++ % copies.size()].get(); }
};

std::function<void()> bf16_conv(const ConvShape& s, const KernelTable& table, int terms, const Options& options, std::string& note) {
  const auto src = floats(s.batch * s.h * s.w * s.channels), dst = floats(s.batch * s.oh * s.ow * s.out_channels), bias = floats(s.out_channels);
  Epilogue e;
  e.bias = bias.get();
  e.activation = Activation::kRelu;
  GemmBlocking blocking = conv_bf16_blocking(table, s, terms);
  force(options, blocking);
  note = fmt::format("bf16x{} {}x{} t{}", terms, blocking.rows, blocking.panels * kPanel, blocking.row_tiles);
  const auto weights = std::make_shared<WeightRing>(conv_bf16_packed_count(s, terms) / 2);
  const auto workspace = floats(conv_bf16_workspace_bytes(s, blocking, terms, 1) / 4 + 16);
  return [=, &table] {
    (void)bias;
    conv_bf16(table, s, blocking, terms, src.get(), reinterpret_cast<const uint16_t*>(weights->take()), dst.get(), e, inline_team(), workspace.get());
  };
}

std::function<void()> our_conv(const Layer& layer, const KernelTable& table, const Options& options,
                               std::string& note) {
  const ConvShape s = layer.conv;
  const bool by_bf16 = options.bf16_terms != 0 && layer.kind != LayerKind::kDepthwise && layer.kind != LayerKind::kFewChannels && conv_bf16_supports(s);
  if (by_bf16) return bf16_conv(s, table, options.bf16_terms, options, note);
  const auto src = floats(s.batch * s.h * s.w * s.channels), dst = floats(s.batch * s.oh * s.ow * s.out_channels);
  const auto bias = floats(s.out_channels);
  Epilogue e;
  e.bias = bias.get();
  e.activation = Activation::kRelu;
  if (layer.kind == LayerKind::kDepthwise) {
    const auto weights = std::make_shared<WeightRing>(depthwise_packed_floats(s));
    return [=, &table] {
      (void)bias;
      depthwise(table, s, src.get(), weights->take(), dst.get(), e, inline_team());
    };
  }
  const bool few = layer.kind == LayerKind::kFewChannels;
  GemmBlocking blocking = few ? conv_few_channels_blocking(table, s) : conv_blocking(table, s);
  force(options, blocking);
  note = fmt::format("{}x{} k{} t{}", blocking.rows, blocking.panels * kPanel, blocking.k_block, blocking.row_tiles);
  const auto weights = std::make_shared<WeightRing>(conv_packed_floats(s));
  if (few) {
    const auto workspace = floats(conv_few_channels_workspace_bytes(s, blocking, 1) / 4 + 16);
    const ImageStrides strides{s.channels * s.h * s.w, s.h * s.w, s.w, 1};
    return [=, &table] {
      (void)bias;
      conv_few_channels(table, s, blocking, src.get(), strides, weights->take(), dst.get(), e, inline_team(),
                        workspace.get());
    };
  }
  const auto workspace = floats(conv_workspace_bytes(s, blocking, 1) / 4 + 16);
  return [=, &table] {
    (void)bias;
    conv(table, s, blocking, src.get(), weights->take(), dst.get(), e, inline_team(), workspace.get());
  };
}

std::function<void()> our_matmul(const Layer& layer, const KernelTable& table, const Options& options,
                                 std::string& note) {
  const MatmulShape s = layer.matmul;
  if (options.bf16_terms != 0 && layer.kind != LayerKind::kDynamicMatmul && s.batch == 1) {
    ConvShape rows;
    rows.h = rows.oh = 1;
    rows.w = rows.ow = s.m;
    rows.channels = rows.src_pixel_stride = s.k;
    rows.out_channels = rows.dst_pixel_stride = s.n;
    return bf16_conv(rows, table, options.bf16_terms, options, note);
  }
  const auto a = floats(s.batch * s.m * s.k), c = floats(s.batch * s.m * s.n);
  GemmBlocking blocking = matmul_blocking(table, s);
  force(options, blocking);
  note = fmt::format("{}x{} k{} t{}", blocking.rows, blocking.panels * kPanel, blocking.k_block, blocking.row_tiles);
  Epilogue e;
  e.activation = Activation::kRelu;
  if (layer.kind == LayerKind::kDynamicMatmul) {
    const auto b = floats(s.batch * s.k * s.n);
    const auto workspace = floats(matmul_dynamic_workspace_bytes(s, blocking, 1) / 4 + 16);
    return [=, &table] {
      matmul_dynamic(table, s, blocking, a.get(), b.get(), c.get(), e, inline_team(), workspace.get());
    };
  }
  const auto weights = std::make_shared<WeightRing>(matmul_packed_floats(s.n, s.k));
  const auto workspace = floats(matmul_workspace_bytes(s, blocking, 1) / 4 + 16);
  return [=, &table] {
    matmul(table, s, blocking, a.get(), weights->take(), c.get(), e, inline_team(), workspace.get());
  };
}

double seconds_of(const std::function<void()>& fn, int repeats) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i) fn();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / repeats;
}

struct Timing {
  double best = 0, median = 0;
};

// Interleaved samples of about a fifth of a millisecond, so that many fall between two interruptions on a busy machine.
std::vector<Timing> time_all(const std::vector<std::function<void()>>& fns) {
  constexpr double kSampleSeconds = 2e-4, kBudgetSeconds = 0.3;
  constexpr int kFewestSamples = 9;
  std::vector<int> repeats;
  std::vector<std::vector<double>> samples(fns.size());
  for (const auto& fn : fns) {
    fn();
    repeats.push_back(std::max(1, static_cast<int>(kSampleSeconds / seconds_of(fn, 1))));
  }
  double spent = 0;
  for (int round = 0; round < kFewestSamples || spent < kBudgetSeconds * static_cast<double>(fns.size()); ++round) {
    for (size_t i = 0; i < fns.size(); ++i) {
      samples[i].push_back(seconds_of(fns[i], repeats[i]));
      spent += samples[i].back() * repeats[i];
    }
  }
  std::vector<Timing> timings;
  for (auto& list : samples) {
    std::sort(list.begin(), list.end());
    timings.push_back({list[0], list[list.size() / 2]});
  }
  return timings;
}

void print_all(const Options& options) {
  const KernelTable& table = kernel_table(options.isa);
  fmt::print("{:<16} {:<20} {:>9} {:>15} {:>15}  {}\n", "network", "layer", "us", "GF/s best/med", "oneDNN", "tile");
  std::string network;
  double total[2] = {0, 0};
  const auto flush = [&] {
    if (!network.empty()) fmt::print("{:<16} total {:.0f} us, oneDNN {:.0f} us\n", network, total[0], total[1]);
    total[0] = total[1] = 0;
  };
  for (const Layer& layer : all_layers()) {
    const std::string title = fmt::format("{} {}", layer.network, layer.name);
    if (title.find(options.filter) == std::string::npos) continue;
    if (network != layer.network) flush();
    network = layer.network;
    const bool is_matmul = layer.kind == LayerKind::kMatmul || layer.kind == LayerKind::kDynamicMatmul;
    std::string note;
    std::vector<std::function<void()>> fns = {is_matmul ? our_matmul(layer, table, options, note)
                                                        : our_conv(layer, table, options, note)};
    if (options.onednn) {
      if (auto peer = onednn_layer(layer)) fns.push_back(peer);
    }
    const auto t = time_all(fns);
    const double giga = layer.flops() * 1e-9;
    for (size_t i = 0; i < t.size(); ++i) total[i] += t[i].best * 1e6 * layer.count;
    fmt::print("{:<16} {:<20} {:>9.1f} {:>7.1f} {:>7.1f} {:>15}  {}\n", layer.network, layer.name, t[0].best * 1e6,
               giga / t[0].best, giga / t[0].median,
               t.size() > 1 ? fmt::format("{:.1f} {:.1f}", giga / t[1].best, giga / t[1].median) : "", note);
  }
  flush();
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const std::string value = arg.substr(std::min(arg.find('=') + 1, arg.size()));
    if (arg == "--onednn") options.onednn = true;
    else if (arg.starts_with("--filter=")) options.filter = value;
    else if (arg.starts_with("--panels=")) options.forced.panels = std::atoi(value.c_str());
    else if (arg.starts_with("--rows=")) options.forced.rows = std::atoi(value.c_str());
    else if (arg.starts_with("--k-block=")) options.forced.k_block = std::atoi(value.c_str());
    else if (arg.starts_with("--row-tiles=")) options.forced.row_tiles = std::atoi(value.c_str());
    else if (arg == "--bf16=1") options.bf16_terms = 1;
    else if (arg == "--bf16=3") options.bf16_terms = 3;
    else if (arg == "--isa=avx512") options.isa = Isa::kAvx512;
    else if (arg == "--isa=avx2") options.isa = Isa::kAvx2;
    else if (arg == "--isa=baseline") options.isa = Isa::kBaseline;
  }
  if (options.bf16_terms != 0 && kernel_table(options.isa).bf16.max_panels == 0) {
    fmt::print(stderr, "--bf16: {} has no products of bf16; leave it out, or choose --isa=amx on a processor with AMX\n", isa_name(options.isa));
    std::exit(2);
  }
  return options;
}

}  // namespace
}  // namespace sinter::cpu

int main(int argc, char** argv) {
  sinter::cpu::print_all(sinter::cpu::parse(argc, argv));
  return 0;
}
