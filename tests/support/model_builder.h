// ModelBuilder: small ONNX models made in code, through the wire format.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "onnx/tensor_proto.h"
#include "onnx/type_proto.h"
#include "onnx/wire.h"

namespace sinter::test {

inline onnx::AttributeProto attribute(const std::string& name, int64_t value) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(onnx::kAttrInt);
  proto.set_i(value);
  return proto;
}
inline onnx::AttributeProto attribute(const std::string& name, int value) { return attribute(name, int64_t{value}); }
inline onnx::AttributeProto attribute(const std::string& name, float value) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(onnx::kAttrFloat);
  proto.set_f(value);
  return proto;
}
inline onnx::AttributeProto attribute(const std::string& name, const char* value) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(onnx::kAttrString);
  proto.set_s(value);
  return proto;
}
inline onnx::AttributeProto attribute(const std::string& name, const std::vector<int64_t>& values) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(onnx::kAttrInts);
  for (const int64_t value : values) proto.add_ints(value);
  return proto;
}
inline onnx::AttributeProto attribute(const std::string& name, const std::vector<float>& values) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(onnx::kAttrFloats);
  for (const float value : values) proto.add_floats(value);
  return proto;
}
inline onnx::AttributeProto attribute(const std::string& name, const Tensor& tensor) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(onnx::kAttrTensor);
  *proto.mutable_t() = onnx::from_tensor(tensor);
  return proto;
}
inline onnx::AttributeProto attribute(const std::string& name, const onnx::GraphProto& graph) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(onnx::kAttrGraph);
  *proto.mutable_g() = graph;
  return proto;
}
// In a function's body: the value is the call's attribute `refers_to`.
inline onnx::AttributeProto attribute_reference(const std::string& name, const std::string& refers_to, int type) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(type);
  proto.set_ref_attr_name(refers_to);
  return proto;
}

inline onnx::NodeProto node(const std::string& op_type, const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs,
                            const std::vector<onnx::AttributeProto>& attributes = {}, const std::string& domain = "") {
  onnx::NodeProto proto;
  proto.set_op_type(op_type);
  proto.set_name(outputs.empty() ? op_type : op_type + "_" + outputs[0]);
  proto.set_domain(domain);
  for (const std::string& input : inputs) proto.add_input(input);
  for (const std::string& output : outputs) proto.add_output(output);
  for (const onnx::AttributeProto& item : attributes) *proto.add_attribute() = item;
  return proto;
}

inline onnx::ValueInfoProto value_info(const std::string& name, const std::string& type) {
  onnx::ValueInfoProto proto;
  proto.set_name(name);
  *proto.mutable_type() = onnx::from_type(ValueType::parse(type).value());
  return proto;
}

// Types are texts as ValueType::parse reads them: "f32[2,n]".
struct ModelBuilder {
  onnx::ModelProto model;

  explicit ModelBuilder(int64_t opset = 18, int64_t ir_version = 8) {
    model.set_ir_version(ir_version);
    model.set_producer_name("test");
    model.mutable_graph()->set_name("graph");
    import(opset);
  }
  onnx::GraphProto& graph() { return *model.mutable_graph(); }
  ModelBuilder& import(int64_t opset, const std::string& domain = "") {
    onnx::OperatorSetIdProto* entry = model.add_opset_import();
    entry->set_domain(domain);
    entry->set_version(opset);
    return *this;
  }
  ModelBuilder& input(const std::string& name, const std::string& type) {
    *graph().add_input() = value_info(name, type);
    return *this;
  }
  ModelBuilder& output(const std::string& name, const std::string& type) {
    *graph().add_output() = value_info(name, type);
    return *this;
  }
  ModelBuilder& constant(const std::string& name, const Tensor& tensor) {
    *graph().add_initializer() = onnx::from_tensor(tensor, name);
    return *this;
  }
  ModelBuilder& node(const std::string& op_type, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs, const std::vector<onnx::AttributeProto>& attributes = {},
                     const std::string& domain = "") {
    *graph().add_node() = test::node(op_type, inputs, outputs, attributes, domain);
    return *this;
  }
  std::string bytes() const { return model.SerializeAsString(); }
};

}  // namespace sinter::test
