// Networks made in code: values and nodes are added one by one, each checked and inferred at once, so that an error is found at the call
// that is wrong. What stands behind sinter_network of the C interface.
//
// A network and the bodies made from it are one family: values have numbers that are unique in it, and a body may read values of the graphs around it
// (they are captured). A body belongs to its node once it was given to one. Not thread-safe: one thread a family.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "onnx/export.h"
#include "onnx/import.h"

namespace sinter::network {

using ValueId = int64_t;
constexpr ValueId kAbsent = -1;  // an optional input that is left out

struct Range {
  float min = 0, max = 0;
};

// Wishes for single layers, by node name: element types that builds are asked for.
struct LayerTypes {
  DType precision = DType::kUndefined;
  std::map<size_t, DType> outputs;
};

class Network {
 public:
  static std::unique_ptr<Network> create(const std::string& name);
  // A model read back, to be looked at or gone on with.
  static Result<std::unique_ptr<Network>> load(const std::string& path, const onnx::ImportOptions& options);
  // An empty body for an If, Loop, Scan or SequenceMap of this graph.
  Result<std::unique_ptr<Network>> new_body();
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Symbolic dims are symbols of the shape.
  Result<ValueId> add_input(const std::string& name, ValueType type);
  Result<ValueId> add_constant(const std::string& name, Tensor tensor);
  // name "": made from the operator's. `outputs` values are made, of which unwanted ones may be left out at the end. Bodies move into the node.
  Result<std::vector<ValueId>> add_node(const std::string& domain, const std::string& op_type, const std::string& name, std::span<const ValueId> inputs,
                                        Attributes attributes, const std::map<std::string, Network*>& bodies, size_t outputs);

  // Marks a value of this graph as its next output; name: what it is called from now on, "": as it is.
  Status mark_output(ValueId value, const std::string& name = "");
  Status unmark_output(ValueId value);
  Status set_name(ValueId value, const std::string& name);
  Status set_node_name(const std::string& node, const std::string& name);
  // Of a main graph's input; everything behind it is inferred again.
  Status set_input_type(ValueId value, ValueType type);
  Status set_range(ValueId value, Range range);
  Status set_precision(const std::string& node, DType dtype);
  Status set_output_type(const std::string& node, size_t output, DType dtype);
  // Text of the model's metadata, e.g. class names.
  void set_metadata(const std::string& key, const std::string& value);

  Result<const ir::Value*> value(ValueId id) const;
  Result<ValueId> find_value(const std::string& name) const;
  ValueId id_of(const ir::Value* value);
  const ir::Graph& graph() const { return *graph_; }
  std::vector<const ir::Node*> nodes() const;
  Result<const ir::Node*> node(const std::string& name) const;
  std::map<std::string, Range> ranges() const;  // by value name
  const std::map<std::string, LayerTypes>& layer_types() const;

  // Of the main graph, which must have an output.
  Status save(const std::string& path, const onnx::ExportOptions& options) const;
  Result<std::string> save_bytes(const onnx::ExportOptions& options) const;

 private:
  struct Family;
  Network(std::shared_ptr<Family> family, ir::Graph* graph, std::unique_ptr<ir::Graph> body);
  Status check_open() const;
  Status check_complete() const;
  Result<ir::Value*> mutable_value(ValueId id) const;
  Result<std::vector<ir::Value*>> resolve(const std::string& where, std::span<const ValueId> inputs);
  Status check_bodies(const std::string& where, const std::map<std::string, Network*>& bodies) const;
  void undo(ir::Node* node, const std::map<std::string, Network*>& bodies);

  std::shared_ptr<Family> family_;
  ir::Graph* graph_;
  std::unique_ptr<ir::Graph> body_;  // of a body that no node has yet
};

}  // namespace sinter::network
