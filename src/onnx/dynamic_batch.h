// --dynamic-batch: a graph whose inputs have a fixed leading 1 made right for any number of samples.
#pragma once

#include <optional>
#include <string>

#include "ir/graph.h"

namespace sinter::onnx {

// Every graph input with a leading 1 gets one symbol there ("batch", made unique), and constants that hold the 1 (targets of Reshape and
// Resize) follow. Each output's sample i is then what sample i of the inputs alone gives. That is shown operator by operator, not assumed:
// the first node that mixes samples, or whose treatment of them is not known, is the error's. `size`: the number of samples in place of the
// symbol. A graph without such an input is left as it is. `label` is the file in messages.
Status make_batch_dynamic(ir::Graph& graph, const std::string& label, std::optional<int64_t> size);

}  // namespace sinter::onnx
