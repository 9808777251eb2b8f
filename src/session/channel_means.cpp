// Means of channels (channel_means.h).
#include "session/channel_means.h"

#include <algorithm>

#include "runtime/context.h"

namespace sinter::session {
namespace {

struct Sums {
  std::vector<double> sums;
  int64_t count = 0;  // elements a channel
};

void add(const Tensor& tensor, int axis, Sums& to) {
  if (tensor.dtype() != DType::kF32 || axis >= tensor.rank() || tensor.count() == 0) return;
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
    const auto wanted = axes.find(name);
    if (wanted != axes.end()) add(tensor, wanted->second < 0 ? tensor.rank() - 1 : wanted->second, sums[name]);
  };
  runtime::ContextOptions how;
  how.threads = threads;
  how.observer = [&](const plan::Region& region, const plan::PlanValue& value, const Value& content) {
    if (region.parent < 0 && content.is_tensor()) take(value.name, content.tensor());
  };
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, how));
  for (size_t s = 0; s < std::min(most, samples.size()); ++s) {
    for (size_t i = 0; i < samples[s].size(); ++i) {
      if (samples[s][i].is_tensor()) take(engine->inputs()[i].name, samples[s][i].tensor());
    }
    SINTER_ASSIGN([[maybe_unused]] const auto outputs, context->run(samples[s]));
  }
  quant::ChannelMeans means;
  for (auto& [name, sum] : sums) {
    if (sum.count == 0) continue;
    for (double& value : sum.sums) value /= static_cast<double>(sum.count);
    means.emplace(name, std::move(sum.sums));
  }
  return means;
}

}  // namespace sinter::session
