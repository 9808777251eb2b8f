// ir::Model → ONNX file. The inverse of importing: what is written imports as the same graph, and equal models give equal bytes.
//
// Graphs hold operators at their latest meaning; a file has one opset. It is the one asked for where every node can be said in it
// (axes as attributes, Split without a count, …), else the smallest newer one in which all can. Attributes that have their default are left
// out. Internal operators (domain "sinter") are an error: a graph that is to be written stays within ONNX's.
#pragma once

#include <string>

#include "ir/graph.h"

namespace sinter::onnx {

enum class ExternalWeights : uint8_t {
  kAuto,    // in a file of their own when the model would pass protobuf's limit of 2 GiB
  kAlways,
  kNever,   // an error then
};

struct ExportOptions {
  int64_t opset = 0;  // of ai.onnx; 0: the model's own, 17 when it has none
  ExternalWeights external = ExternalWeights::kAuto;
  std::string external_name;    // file beside the model; "": the model's name with .data added
  int64_t external_from = 1024; // bytes of the smallest tensor that goes there
  bool value_types = true;      // types of inner values are written too
};

// The opset that a model would be written in.
Result<int64_t> export_opset(const ir::Model& model, const ExportOptions& options = {});

// Whole files or none: the weights' file is put in place first.
Status export_model(const ir::Model& model, const std::string& path, const ExportOptions& options = {});
// Weights in the message; an error past 2 GiB.
Result<std::string> export_bytes(const ir::Model& model, const ExportOptions& options = {});

}  // namespace sinter::onnx
