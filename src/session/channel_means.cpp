// Means of channels (channel_means.h).
#include "session/channel_means.h"

#include <algorithm>

#include "session/value_view.h"

namespace sinter::session {
namespace {

struct Sums {
  std::vector<double> sums;
  int64_t count = 0;  // elements a channel
};

void add(const Tensor& tensor, int axis, Sums& to) {
  if (axis >= tensor.rank() || tensor.count() == 0) return;
  const int64_t channels = tensor.dim(axis), inner = product(tensor.dims(), static_cast<size_t>(axis) + 1), outer = tensor.count() / channels / inner;
  to.sums.resize(static_cast<size_t>(channels));
  const float* at = tensor.data<float>();
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < channels; ++c, at += inner) {
      double sum = 0;
      for (int64_t i = 0; i < inner; ++i) sum += at[i];
      to.sums[static_cast<size_t>(c)] += sum;
    }
  }
  to.count += outer * inner;
}

}  // namespace

Result<quant::ChannelMeans> channel_means(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                          const std::vector<std::vector<Value>>& samples, size_t most, int threads) {
  std::map<std::string, int> axes;  // by value name; -1: the last
  for (const auto& node : graph.nodes()) {
    if (node->is("Conv")) axes[node->input(0)->name] = 1;
    if (node->is("Gemm") || node->is("MatMul")) axes[node->input(0)->name] = -1;
  }
  std::map<std::string, Sums> sums;
  const auto take = [&](const std::string& name, const Tensor& tensor) {
    const int axis = axes.at(name);
    add(tensor, axis < 0 ? tensor.rank() - 1 : axis, sums[name]);
  };
  std::set<std::string, std::less<>> names;
  for (const auto& [name, axis] : axes) names.insert(name);
  SINTER_TRY(for_each_value(engine, std::move(names), samples, most, threads, take));
  quant::ChannelMeans means;
  for (auto& [name, sum] : sums) {
    if (sum.count == 0) continue;
    for (double& value : sum.sums) value /= static_cast<double>(sum.count);
    means.emplace(name, std::move(sum.sums));
  }
  return means;
}

}  // namespace sinter::session
