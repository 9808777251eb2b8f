// A node made in code against its operator's schema, as the importer checks nodes of files.
#pragma once

#include <set>

#include "onnx/adapt/adapt.h"

namespace sinter::onnx {

// `label` begins the message. node.opset is not looked at: the operator's latest meaning holds. `bodies`: names of its graph attributes.
Status check_new_node(const OpDef& op, PendingNode node, const std::set<std::string>& bodies, const std::string& label);

}  // namespace sinter::onnx
