// Means and peaks of the channels that dense layers read, measured in f32.
#pragma once

#include "quant/equalize.h"
#include "quant/insert.h"
#include "runtime/engine.h"

namespace sinter::session {

// `engine` is of the graph, in f32. Channels are axis 1 of what convolutions read, the last axis of what products read.
Result<quant::ChannelMeans> channel_means(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                          const std::vector<std::vector<Value>>& samples, size_t most, int threads);

// Likewise the largest |x| of each channel.
Result<quant::ChannelPeaks> channel_peaks(const std::shared_ptr<const runtime::Engine>& engine, const ir::Graph& graph,
                                          const std::vector<std::vector<Value>>& samples, size_t most, int threads);

}  // namespace sinter::session
