// The table of adapters, and the driver.
#include "onnx/adapt/adapters.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace sinter::onnx {
namespace {

constexpr int64_t kEvery = INT64_MAX;  // for what files of every opset do

struct Adapter {
  const char* op_type;
  int64_t below;  // applies to files of opsets below this, and brings the node to it
  AdaptFunction function;
};

// Older files can use less of the operator (Max and the like: no broadcast), and mean the same by it.
Status adapt_nothing(AdaptContext&) { return ok_status(); }

// An operator's adapters stand oldest first.
constexpr Adapter kAdapters[] = {
    {"Add", 7, adapt_binary_broadcast},
    {"And", 7, adapt_binary_broadcast},
    {"BatchNormalization", 7, adapt_batch_normalization_7},
    {"BatchNormalization", 9, adapt_batch_normalization_9},
    {"BatchNormalization", 14, adapt_batch_normalization_14},
    {"Cast", 6, adapt_cast},
    {"Clip", 11, adapt_clip},
    {"Concat", 4, adapt_concat},
    {"DFT", 20, adapt_dft},
    {"Div", 7, adapt_binary_broadcast},
    {"Dropout", 7, adapt_dropout_7},
    {"Dropout", 10, adapt_dropout_10},
    {"Dropout", 12, adapt_dropout_12},
    {"Equal", 7, adapt_binary_broadcast},
    {"GRU", 7, adapt_recurrent},
    {"Gemm", 7, adapt_gemm},
    {"GlobalLpPool", 2, adapt_lp_pool},
    {"Greater", 7, adapt_binary_broadcast},
    {"GridSample", 20, adapt_grid_sample},
    {"GroupNormalization", 21, adapt_group_normalization},
    {"Hardmax", 13, adapt_softmax},
    {"LSTM", 7, adapt_recurrent},
    {"Less", 7, adapt_binary_broadcast},
    {"LogSoftmax", 13, adapt_softmax},
    {"LpPool", 2, adapt_lp_pool},
    {"Max", 8, adapt_nothing},
    {"Mean", 8, adapt_nothing},
    {"Min", 8, adapt_nothing},
    {"Mul", 7, adapt_binary_broadcast},
    {"Or", 7, adapt_binary_broadcast},
    {"PRelu", 7, adapt_prelu},
    {"Pad", 2, adapt_pad_2},
    {"Pad", 11, adapt_pad_11},
    {"Pow", 7, adapt_binary_broadcast},
    {"RNN", 7, adapt_recurrent},
    {"ReduceL1", 18, adapt_axes_attribute},
    {"ReduceL2", 18, adapt_axes_attribute},
    {"ReduceLogSum", 18, adapt_axes_attribute},
    {"ReduceLogSumExp", 18, adapt_axes_attribute},
    {"ReduceMax", 18, adapt_axes_attribute},
    {"ReduceMean", 18, adapt_axes_attribute},
    {"ReduceMin", 18, adapt_axes_attribute},
    {"ReduceProd", 18, adapt_axes_attribute},
    {"ReduceSum", 13, adapt_axes_attribute},
    {"ReduceSumSquare", 18, adapt_axes_attribute},
    {"Reshape", 5, adapt_reshape},
    {"Resize", 11, adapt_resize_11},
    {"Resize", kEvery, adapt_resize_empty_inputs},
    {"RoiAlign", 16, adapt_roi_align},
    {"Scan", 9, adapt_scan},
    {"Scatter", kEvery, adapt_scatter},
    {"Selu", 6, adapt_selu},
    {"Slice", 10, adapt_slice},
    {"Softmax", 13, adapt_softmax},
    {"Split", 13, adapt_split_13},
    {"Split", 18, adapt_split_18},
    {"Squeeze", 13, adapt_axes_attribute},
    {"Sub", 7, adapt_binary_broadcast},
    {"Sum", 8, adapt_nothing},
    {"Tile", 6, adapt_tile},
    {"TopK", 10, adapt_topk},
    {"Unsqueeze", 13, adapt_axes_attribute},
    {"Upsample", 7, adapt_upsample_7},
    {"Upsample", 9, adapt_upsample_9},
    {"Upsample", kEvery, adapt_upsample_10},
    {"Xor", 7, adapt_binary_broadcast},
};

// The last opset whose operators may carry `consumed_inputs`, a hint without meaning. What else changed up to it is in
// the table.
constexpr int64_t kLegacyOpset = 6;

}  // namespace

Status adapt(AdaptContext& context) {
  PendingNode& node = context.node;
  if (node.opset < kLegacyOpset) node.attributes.erase("consumed_inputs");
  std::vector<bool> done(std::size(kAdapters), false);
  // An adapter may turn the node into another operator, whose adapters come next.
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < std::size(kAdapters) && !changed; ++i) {
      const Adapter& adapter = kAdapters[i];
      if (done[i] || node.op_type != adapter.op_type || node.opset >= adapter.below) continue;
      done[i] = changed = true;
      SINTER_TRY(adapter.function(context));
      if (adapter.below != kEvery) node.opset = std::max(node.opset, adapter.below);
    }
  }
  node.opset = std::max(node.opset, kLegacyOpset);
  return ok_status();
}

bool has_adapter(const std::string& op_type, int64_t since) {
  return std::any_of(std::begin(kAdapters), std::end(kAdapters),
                     [&](const Adapter& adapter) { return adapter.op_type == op_type && adapter.below == since; });
}

std::vector<int64_t> adapted_opsets(const std::string& op_type) {
  std::vector<int64_t> opsets;
  for (const Adapter& adapter : kAdapters) {
    if (adapter.op_type == op_type && adapter.below != kEvery) opsets.push_back(adapter.below);
  }
  return opsets;
}

}  // namespace sinter::onnx
