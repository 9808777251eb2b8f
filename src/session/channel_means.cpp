// Figures of channels (channel_means.h).
#include "session/channel_means.h"

#include <algorithm>
#include <cmath>

#include "session/value_view.h"

namespace sinter::session {
namespace {

struct Channels {
  std::vector<double> sums;
  std::vector<float> peaks;
  int64_t count = 0;  // elements a channel
};

void add(const Tensor& tensor, int axis, Channels& to) {
  if (axis >= tensor.rank() || tensor.count() == 0) return;
  const int64_t channels = tensor.dim(axis), inner = product(tensor.dims(), static_cast<size_t>(axis) + 1), outer = tensor.count() / channels / inner;
  to.sums.resize(static_cast<size_t>(channels));
  to.peaks.resize(static_cast<size_t>(channels));
  const float* at = tensor.data<float>();
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < channels; ++c, at += inner) {
      double sum = 0;
      float peak = to.peaks[static_cast<size_t>(c)];
      for (int64_t i = 0; i < inner; ++i) sum += at[i], peak = std::max(peak, std::abs(at[i]));
      to.sums[static_cast<size_t>(c)] += sum;
      to.peaks[static_cast<size_t>(c)] = peak;
    }
  }
  to.count += outer * inner;
}

// By name of the value.
Result<std::map<std::string, Channels>> measure(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                                const std::vector<std::vector<Value>>& samples, size_t most, int threads) {
  std::map<std::string, int> axes;  // by value name; -1: the last
  for (const auto& node : graph.nodes()) {
    if (node->is("Conv")) axes[node->input(0)->name] = 1;
    if (node->is("Gemm") || node->is("MatMul")) axes[node->input(0)->name] = -1;
  }
  std::map<std::string, Channels> found;
  const auto take = [&](const std::string& name, const Tensor& tensor) {
    const int axis = axes.at(name);
    add(tensor, axis < 0 ? tensor.rank() - 1 : axis, found[name]);
  };
  std::set<std::string, std::less<>> names;
  for (const auto& [name, axis] : axes) names.insert(name);
  SINTER_TRY(for_each_value(engine, std::move(names), samples, most, threads, take));
  std::erase_if(found, [](const auto& entry) { return entry.second.count == 0; });
  return found;
}

}  // namespace

Result<quant::ChannelMeans> channel_means(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                          const std::vector<std::vector<Value>>& samples, size_t most, int threads) {
  SINTER_ASSIGN(auto found, measure(engine, graph, samples, most, threads));
  quant::ChannelMeans means;
  for (auto& [name, channels] : found) {
    for (double& value : channels.sums) value /= static_cast<double>(channels.count);
    means.emplace(name, std::move(channels.sums));
  }
  return means;
}

Result<quant::ChannelPeaks> channel_peaks(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                          const std::vector<std::vector<Value>>& samples, size_t most, int threads) {
  SINTER_ASSIGN(auto found, measure(engine, graph, samples, most, threads));
  quant::ChannelPeaks peaks;
  for (auto& [name, channels] : found) peaks.emplace(name, std::move(channels.peaks));
  return peaks;
}

}  // namespace sinter::session
