// BatchTracer: follows the samples of a batch through a graph that was imported for one sample. Internal to src/onnx.
//
// For each value it knows where the samples are: at N samples an axis of size s becomes s*N, read as [outer, N, s/outer]: entry (o, n, i) is
// entry (o, i) of the value that sample n alone gives. A rule per operator (batch_rules.cpp) says where they are in the outputs, or why
// they would mix. What a rule says of the shape is compared with what shape inference finds.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"

namespace sinter::onnx {

struct Place {
  enum class Kind : uint8_t {
    kShared,   // the same for every sample and number of samples
    kSizes,    // integers that depend on the number of samples: operands of Reshape, Expand, …
    kBatched,
  };
  Kind kind = Kind::kShared;
  int axis = 0;
  Dim outer = 1;

  bool batched() const { return kind == Kind::kBatched; }
  static Place at(int axis, Dim outer = 1) { return {Kind::kBatched, axis, std::move(outer)}; }
};

class BatchTracer {
 public:
  BatchTracer(ir::Graph& graph, std::string label) : graph_(graph), label_(std::move(label)) {}
  Status run(std::optional<int64_t> size);

  // What rules use. Shapes are those for one sample.
  ir::Node& node() const { return *node_; }
  bool has(size_t input) const { return node_->input(input) != nullptr; }
  Place place(size_t input) const;
  const Shape& shape(size_t input) const { return single(*node_->input(input)); }
  const Shape& output_shape(size_t output = 0) const { return single(*node_->output(output)); }
  int rank(size_t input) const { return static_cast<int>(shape(input).size()); }
  // Of an integer input that is known and the same for any number of samples.
  std::optional<std::vector<int64_t>> integers(size_t input) const;
  // Whether that element of an integer input is, or may be, another for another number of samples.
  bool varies(size_t input, size_t element) const;
  int64_t attribute(std::string_view name, int64_t otherwise) const;
  // The axis an attribute or operand names, counted from the front.
  static int64_t from_front(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }
  Status forbid(const std::string& found) const;
  // Says where the samples of an output are.
  Status put(size_t output, Place place);
  // A shared input with size 1 along `axis` is repeated for each sample.
  Status spread(size_t input, int axis);
  // Replaces an integer operand by one whose element `axis` is the number of samples.
  Status follow_batch(size_t input, int axis);
  void set_constant(size_t input, const std::vector<int64_t>& elements);
  // Whether inference gives the shape that the samples at `place` make of the output.
  bool infers(size_t output, const Place& place);
  const Shape* inferred(size_t output) const;
  bool depends_on_batch(const Dim& dim) const;
  Shape expected(const Shape& single, const Place& place) const;

 private:
  const Shape& single(const ir::Value& value) const;
  std::vector<ir::Value*> find_inputs() const;
  Status trace(ir::Node& node);
  Status trace_sizes();
  Status see_constants();
  Status check_outputs();
  Status forbid_output(const ir::Value& output) const;
  ir::Node* make_node(std::string_view op, std::vector<ir::Value*> inputs, Attributes attributes = {});
  Result<ir::Value*> sizes_vector(std::vector<int64_t> elements, int axis);
  Status bind(int64_t size);

  ir::Graph& graph_;
  std::string label_, symbol_;
  Dim batch_;
  ir::Value* first_input_ = nullptr;
  ir::Node* node_ = nullptr;
  std::unordered_map<const ir::Value*, Place> places_;
  std::unordered_map<const ir::Value*, Shape> shapes_;  // for one sample; a value of unknown rank has none
};

// The rule of an operator; null: it is not known what the operator does with samples.
using BatchRule = Status (*)(BatchTracer& at);
BatchRule find_batch_rule(const OpDef& op);

}  // namespace sinter::onnx
