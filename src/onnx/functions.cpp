// Importer: calls of the model's own functions are replaced by the functions' bodies.
#include "onnx/importer.h"

namespace sinter::onnx {
namespace {

constexpr int kMaxCallDepth = 64;

bool calls_itself(const FunctionProto& function, const Frame& frame) {
  for (const Frame* caller = &frame; caller; caller = caller->caller) {
    if (caller->function == &function) return true;
  }
  return false;
}

}  // namespace

FunctionProto* Importer::find_function(const std::string& domain, const NodeProto& proto) {
  if (functions_.empty()) return nullptr;
  const auto found = functions_.find(fmt::format("{}:{}:{}", domain, proto.op_type(), proto.overload()));
  return found != functions_.end() ? found->second : nullptr;
}

bool Importer::bind_attributes(FunctionProto& function, NodeProto& proto, Scope& scope, Frame& frame) {
  for (AttributeProto& attribute : *function.mutable_attribute_proto()) {
    frame.attributes[attribute.name()] = {&attribute, nullptr, nullptr};
  }
  for (AttributeProto& attribute : *proto.mutable_attribute()) {
    BoundAttribute bound{&attribute, &scope, scope.frame};
    if (!attribute.ref_attr_name().empty()) {
      const auto given = scope.frame->attributes.find(attribute.ref_attr_name());
      if (given == scope.frame->attributes.end()) continue;
      bound = given->second;
    }
    bool declared = frame.attributes.count(attribute.name());
    for (const std::string& name : function.attribute()) declared = declared || name == attribute.name();
    if (!declared) {
      Finding finding = where(proto, scope);
      finding.found = fmt::format("attribute '{}', which the function does not have", attribute.name());
      finding.expected = "only attributes that the function declares";
      finding.action = "export the model again";
      findings_.add(std::move(finding));
      return false;
    }
    frame.attributes[attribute.name()] = bound;
  }
  return true;
}

void Importer::inline_call(FunctionProto& function, NodeProto& proto, Scope& scope) {
  const Finding at = where(proto, scope);
  const auto fail = [&](std::string found, std::string expected) {
    Finding finding = at;
    finding.found = std::move(found);
    finding.expected = std::move(expected);
    finding.action = "export the model again";
    findings_.add(std::move(finding));
    poison_outputs(proto, scope);
  };
  if (calls_itself(function, *scope.frame)) {
    return fail(fmt::format("function '{}' calls itself", function.name()), "functions without recursion");
  }
  if (scope.frame->depth >= kMaxCallDepth) {
    return fail(fmt::format("functions are nested deeper than {} calls", kMaxCallDepth), "fewer");
  }
  if (proto.input_size() > function.input_size() || proto.output_size() > function.output_size()) {
    return fail(fmt::format("the call has {} inputs and {} outputs", proto.input_size(), proto.output_size()),
                fmt::format("at most {} and {}, as the function has", function.input_size(), function.output_size()));
  }
  Frame frame;
  frame.caller = scope.frame;
  frame.function = &function;
  frame.depth = scope.frame->depth + 1;
  frame.prefix = at.node + "/";
  read_opsets(function.opset_import(), frame.opsets, fmt::format("function '{}'", function.name()));
  if (frame.opsets.empty()) frame.opsets = scope.frame->opsets;
  if (!bind_attributes(function, proto, scope, frame)) return poison_outputs(proto, scope);

  Scope inner;
  inner.graph = scope.graph;
  inner.frame = &frame;
  inner.conditional = scope.conditional;
  std::vector<ir::Value*> inputs;
  if (!resolve_inputs(proto, scope, inputs)) return poison_outputs(proto, scope);
  inputs.resize(static_cast<size_t>(function.input_size()), nullptr);
  for (int i = 0; i < function.input_size(); ++i) {
    define(inner, function.input(i), inputs[static_cast<size_t>(i)], at);
  }
  for (int i = 0; i < proto.output_size(); ++i) {
    if (proto.output(i).empty()) continue;
    const auto renamed = scope.frame->renames.find(proto.output(i));
    const bool is_renamed = !scope.parent && renamed != scope.frame->renames.end();
    frame.renames.emplace(function.output(i), is_renamed ? renamed->second : scope.frame->prefix + proto.output(i));
  }
  for (const ValueInfoProto& info : function.value_info()) inner.hints[info.name()] = &info.type();
  import_nodes(*function.mutable_node(), inner);
  bind_outputs(function, proto, inner, scope);
}

void Importer::bind_outputs(FunctionProto& function, NodeProto& proto, Scope& inner, Scope& scope) {
  const Finding at = where(proto, scope);
  for (int i = 0; i < proto.output_size(); ++i) {
    if (proto.output(i).empty()) continue;
    const auto found = inner.values.find(function.output(i));
    ir::Value* value = found != inner.values.end() ? found->second : nullptr;
    if (!value) {
      Finding finding = at;
      finding.found = fmt::format("output '{}' of function '{}' is never defined", function.output(i), function.name());
      finding.expected = "a node of the function that makes it";
      finding.action = "export the model again";
      findings_.add(std::move(finding));
      continue;
    }
    // An input handed through, or one value under two names: it keeps its own and gets this one too.
    const std::string full = scope.frame->prefix + proto.output(i);
    if (value->name != full) value->onnx_names.push_back(full);
    if (define(scope, proto.output(i), value, at)) merge_hint(*value, proto.output(i), scope);
  }
  poison_outputs(proto, scope);
}

}  // namespace sinter::onnx
