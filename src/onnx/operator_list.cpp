#include "onnx/operator_list.h"

#include <algorithm>
#include <tuple>

#include "onnx/adapt/adapt.h"
#include "onnx/contrib/contrib.h"

namespace sinter::onnx {

std::vector<OperatorInfo> list_operators() {
  std::vector<OperatorInfo> list;
  for (const OpDef* op : all_ops()) {
    if (op->domain == "sinter") continue;
    list.push_back({op, op->domain.empty() ? adapted_opsets(op->name) : std::vector<int64_t>(), false});
  }
  for (const auto& [name, op] : contrib_ops()) list.push_back({&op.schema, {}, true});
  std::sort(list.begin(), list.end(), [](const OperatorInfo& a, const OperatorInfo& b) {
    return std::tie(a.op->domain, a.op->name) < std::tie(b.op->domain, b.op->name);
  });
  return list;
}

}  // namespace sinter::onnx
