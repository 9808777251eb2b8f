// ONNX file → ir::Model: the graph in ONNX's latest meaning, whatever opset the file was written in.
//
// Functions of the model are inlined, initializers and Constant nodes become constants (also those that IR 3 lists as
// inputs), names of tensors and nodes survive. Weights of the file are taken over, external data is mapped. The file is
// untrusted: every size is checked, depth and expansion are bounded, external files stay inside the model's folder.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace sinter::onnx {

// One problem of a model file, in the four parts of a message.
struct Finding {
  bool warning = false;  // the model can be used all the same
  std::string file;
  std::string node;        // "" when no node is concerned
  std::string op, domain;  // of the node
  int64_t opset = 0;       // of the node's domain, 0: unknown
  std::string found, expected, action;
  Code code = Code::kInvalidModel;
  // "m.onnx: node 'n' (Conv, opset 17): FOUND; expected EXPECTED; ACTION"
  std::string to_string() const;
};

struct ImportOptions {
  // Shapes of graph inputs ("": of the only one) in place of the file's; a dim may be an integer or a symbol. The rank must be the file's if
  // that has one.
  std::map<std::string, Shape, std::less<>> shapes;
  // Values for the file's symbolic dimensions ("batch" → 1), wherever they occur.
  Bindings dims;
  // A fixed leading 1 of the inputs becomes the symbol "batch", and what holds that 1 in the graph follows; an error names the node that would
  // mix samples. A leading size in `shapes` takes the symbol's place. For import only.
  bool dynamic_batch = false;
  // Called once for each warning.
  std::function<void(const Finding&)> warn;
};

// Unknown dims of inputs get symbols: the file's dim_param ("batch"), else "<input>_d<axis>".
// An error names the first problem and how many there are; check_model lists them.
Result<ir::Model> import_model(const std::string& path, const ImportOptions& options = {});
// From memory; `label` is the file in messages. `folder`: where external data is; "" refuses it.
Result<ir::Model> import_bytes(std::string_view bytes, const std::string& label, const std::string& folder = "",
                               const ImportOptions& options = {});

// All problems of a file, errors and warnings, in the file's order. Empty: the model can be built.
std::vector<Finding> check_model(const std::string& path, const ImportOptions& options = {});
std::vector<Finding> check_bytes(std::string_view bytes, const std::string& label, const std::string& folder = "",
                                 const ImportOptions& options = {});

// Hex digest over a model file and every file of external data that its tensors name, whole: equal for equal models only.
Result<std::string> whole_content_hash(const std::string& path);

}  // namespace sinter::onnx
