// Edits of an ONNX file as it is written: nodes, names, inputs and outputs, types. Nothing is imported, so files with operators that Sinter has not can be edited.
//
// An edit is one line of words; a word with blanks stands in "quotes". Names are of nodes or of values (what nodes read and make).
//   replace-op OP NEW                    every node of the operator OP gets NEW (DOMAIN::OP for other domains)
//   set-attr NODE NAME=VALUE             an attribute: 1, 0.5, text, [1,2], [0.5,2]
//   remove-attr NODE NAME
//   rename OLD NEW                       a value, everywhere it is named
//   rename-node OLD NEW
//   remove NODE                          readers of its first output read its first input
//   remove-op OP                         the same for every node of an operator
//   insert OP NAME inputs=A,B outputs=C [NAME=VALUE ...]
//   insert-after VALUE OP [NAME] [NAME=VALUE ...]    between a value and its readers
//   set-type VALUE f32[1,3,h,w]          of an input or output; set-shape VALUE 1x3xhxw keeps the element type
//   inputs A[:TYPE] B ...                the graph's inputs; what made them is cut off. outputs likewise
//   extract inputs=A,B outputs=C         both, then cleanup
//   cleanup                              what no output depends on is removed
//   toposort                             nodes after those whose values they read
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/edit.h"
#include "onnx/model_file.h"

namespace sinter::onnx {

class ModelEditor {
 public:
  static Result<ModelEditor> open(const std::string& path);
  // What the edit did ("2 nodes"), or why it can't be done: then nothing of it was.
  Result<std::string> apply(std::string_view edit);

  // Constant folding is the caller's, who can compute: a model without inputs whose outputs are what depends on constants alone; "" when there is nothing. Nodes
  // of the operators in `left_out` ("domain::Op") stay as they are.
  Result<std::string> constant_part(const std::vector<std::string>& left_out) const;
  // Takes the constants of that model's result in place of the nodes that made them, and cleans up; the number of nodes that are gone.
  Result<int> adopt_constants(ModelProto& result);

  // Problems that the file has now and had not when it was opened: nothing that is damaged. What Sinter can't run, but is a valid file, is in `warnings`.
  Status validate(std::vector<std::string>& warnings) const;
  // Whole or not at all. Weights of other files stay there when the new file is in the same folder, else they are taken in.
  Status save(const std::string& path);
  const ModelProto& proto() const { return *file_.proto; }

 private:
  explicit ModelEditor(ModelFile file) : file_(std::move(file)) {}
  using Words = std::vector<std::string>;
  Result<std::string> replace_op(const Words& words);
  Result<std::string> set_attribute(const Words& words);
  Result<std::string> remove_attribute(const Words& words);
  Result<std::string> rename(const Words& words);
  Result<std::string> rename_node(const Words& words);
  Result<std::string> remove(const Words& words);
  Result<std::string> remove_op(const Words& words);
  Result<std::string> insert(const Words& words);
  Result<std::string> insert_after(const Words& words);
  Result<std::string> set_type(const Words& words);
  Result<std::string> set_shape(const Words& words);
  Result<std::string> set_inputs(const Words& words);
  Result<std::string> set_outputs(const Words& words);
  Result<std::string> extract(const Words& words);
  Result<std::string> cleanup(const Words& words);
  Result<std::string> toposort(const Words& words);

  GraphProto& graph() const { return *file_.proto->mutable_graph(); }
  Result<std::string> bytes() const;
  Status bypass(int index);
  Result<NodeProto*> node_named(const std::string& name) const;
  Result<TypeProto> type_of(const std::string& value) const;
  Result<ValueInfoProto> end_of(const std::string& text) const;
  bool has_value(const std::string& name) const;
  void import_domain(const std::string& domain);

  ModelFile file_;
  std::vector<std::string> problems_at_first_;
};

}  // namespace sinter::onnx
