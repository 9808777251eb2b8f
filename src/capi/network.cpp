// Part 2 of sinter.h: networks made in code.
#include <cstring>

#include "capi/network_handle.h"
#include "onnx/symbol_name.h"
#include "session/session.h"

namespace sinter::capi {
namespace {

using network::Network;

std::string text_or_empty(const char* text) { return text ? text : ""; }

// Runs what changes a network.
template <typename Fn>
sinter_status change(sinter_network* network, Fn&& fn) noexcept {
  return guarded([&]() -> Status {
    SINTER_TRY(require(network != nullptr, "the network"));
    network->changed();
    return fn(*network->network);
  });
}

template <typename Fn>
sinter_status query(const sinter_network* network, const void* out, Fn&& fn) noexcept {
  return guarded([&]() -> Status {
    SINTER_TRY(require(network && out, "the network or the place for the result"));
    return fn();
  });
}

Result<ValueType> to_type(const char* name, sinter_dtype dtype, const int64_t* dims, int32_t rank, const char* const* dim_names) {
  if (dtype == SINTER_UNDEFINED && rank < 0) return ValueType();
  SINTER_ASSIGN(const DType element, to_dtype(dtype));
  if (rank < 0) return ValueType::tensor(element);
  if (rank > 64 || (rank > 0 && !dims)) {
    return make_error(Code::kInvalidArgument, "input '{}': found rank {}, expected 0 to 64 with as many dims; pass them", name, rank);
  }
  Shape shape;
  for (int32_t axis = 0; axis < rank; ++axis) {
    if (dims[axis] < -1) {
      return make_error(Code::kInvalidArgument, "input '{}': found {} as dim {}, expected a size, or -1 for a dynamic one; correct it", name, dims[axis], axis);
    }
    const char* const given = dim_names ? dim_names[axis] : nullptr;
    if (dims[axis] >= 0) shape.emplace_back(dims[axis]);
    else shape.push_back(Dim::symbol(onnx::symbol_name(given && *given ? std::string(given) : fmt::format("{}_d{}", name, axis))));
  }
  return ValueType::tensor(element, std::move(shape));
}

template <typename T>
Result<std::vector<T>> list_of(const sinter_attribute& attribute, const T* items) {
  if (attribute.count > 0 && !items) return make_error(Code::kInvalidArgument, "attribute '{}': found no list, expected {} items; pass it", attribute.name, attribute.count);
  return std::vector<T>(items, items + attribute.count);
}

Result<AttrValue> to_value(const sinter_attribute& attribute) {
  const auto missing = [&](const char* what) {
    return make_error(Code::kInvalidArgument, "attribute '{}': found no {} (NULL), expected one; pass it", attribute.name, what);
  };
  switch (attribute.kind) {
    case SINTER_ATTRIBUTE_INT: return AttrValue(attribute.i);
    case SINTER_ATTRIBUTE_FLOAT: return AttrValue(attribute.f);
    case SINTER_ATTRIBUTE_STRING:
      if (!attribute.s) return missing("text");
      return AttrValue(std::string(attribute.s));
    case SINTER_ATTRIBUTE_INTS: {
      SINTER_ASSIGN(std::vector<int64_t> items, list_of(attribute, attribute.ints));
      return AttrValue(std::move(items));
    }
    case SINTER_ATTRIBUTE_FLOATS: {
      SINTER_ASSIGN(std::vector<float> items, list_of(attribute, attribute.floats));
      return AttrValue(std::move(items));
    }
    case SINTER_ATTRIBUTE_STRINGS: {
      SINTER_ASSIGN(const std::vector<const char*> items, list_of(attribute, attribute.strings));
      std::vector<std::string> texts;
      for (const char* item : items) {
        if (!item) return missing("text");
        texts.emplace_back(item);
      }
      return AttrValue(std::move(texts));
    }
    case SINTER_ATTRIBUTE_TENSOR: {
      if (!attribute.tensor) return missing("tensor");
      SINTER_ASSIGN(Tensor tensor, to_tensor(*attribute.tensor, true));
      return AttrValue(std::move(tensor));
    }
    case SINTER_ATTRIBUTE_TYPE: {
      if (!attribute.s) return missing("type");
      SINTER_ASSIGN(ValueType type, ValueType::parse(attribute.s));
      return AttrValue(std::move(type));
    }
    default:
      return make_error(Code::kInvalidArgument, "attribute '{}': found kind {}, expected a sinter_attribute_kind; correct it", attribute.name,
                        static_cast<unsigned>(attribute.kind));
  }
}

Status read_attributes(const sinter_attribute* given, size_t count, Attributes& attributes, std::map<std::string, Network*>& bodies) {
  SINTER_TRY(require(given || count == 0, "the list of attributes"));
  for (size_t i = 0; i < count; ++i) {
    SINTER_TRY(require(given[i].name != nullptr, "an attribute's name"));
    const std::string name = given[i].name;
    if (attributes.has(name) || bodies.count(name)) return make_error(Code::kInvalidArgument, "attribute '{}': found it twice, expected it once; drop one", name);
    if (given[i].kind == SINTER_ATTRIBUTE_GRAPH) {
      SINTER_TRY(require(given[i].graph != nullptr, "an attribute's graph"));
      given[i].graph->changed();
      bodies[name] = given[i].graph->network.get();
      continue;
    }
    SINTER_ASSIGN(AttrValue value, to_value(given[i]));
    attributes.set(name, std::move(value));
  }
  return ok_status();
}

std::string attribute_text(const AttrValue& value) {
  const auto list = [](const auto& items) {
    std::string text = "[";
    for (const auto& item : items) text += fmt::format("{}{}", text.size() > 1 ? "," : "", item);
    return text + "]";
  };
  return std::visit(
      [&](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::string>) return held;
        else if constexpr (std::is_same_v<T, Tensor>) return held.type().to_string();
        else if constexpr (std::is_same_v<T, ValueType>) return held.to_string();
        else if constexpr (std::is_arithmetic_v<T>) return fmt::format("{}", held);
        else return list(held);
      },
      value);
}

Result<sinter_network*> make_handle(std::unique_ptr<Network> network) { return new sinter_network(std::move(network)); }

Status check_index(size_t index, size_t count, const char* what) {
  if (index < count) return ok_status();
  return make_error(Code::kInvalidArgument, "found {} {}, expected less than {}; correct the number", what, index, count);
}

}  // namespace
}  // namespace sinter::capi

using namespace sinter;
using capi::guarded;
using network::Network;

extern "C" {

sinter_status sinter_network_create(const char* name, sinter_network** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the network"));
    SINTER_ASSIGN(*out, capi::make_handle(Network::create(name && *name ? name : "network")));
    return ok_status();
  });
}

sinter_status sinter_network_load(const char* model_path, const char* shapes, sinter_network** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(model_path && out, "the model's path or the place for the network"));
    onnx::ImportOptions options;
    if (shapes && *shapes) {
      SINTER_ASSIGN(options.shapes, session::parse_shapes(shapes));
    }
    SINTER_ASSIGN(auto network, Network::load(model_path, options));
    SINTER_ASSIGN(*out, capi::make_handle(std::move(network)));
    return ok_status();
  });
}

sinter_status sinter_network_create_body(sinter_network* network, sinter_network** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(network && out, "the network or the place for the body"));
    SINTER_ASSIGN(auto body, network->network->new_body());
    SINTER_ASSIGN(*out, capi::make_handle(std::move(body)));
    return ok_status();
  });
}

void sinter_network_free(sinter_network* network) { delete network; }

sinter_status sinter_network_add_input(sinter_network* network, const char* name, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                       const char* const* dim_names, sinter_value* out) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_TRY(capi::require(name && out, "the input's name or the place for its number"));
    SINTER_ASSIGN(ValueType type, capi::to_type(name, dtype, dims, rank, dim_names));
    SINTER_ASSIGN(*out, to.add_input(name, std::move(type)));
    return ok_status();
  });
}

sinter_status sinter_network_add_constant(sinter_network* network, const char* name, const sinter_tensor* tensor, sinter_value* out) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_TRY(capi::require(tensor && out, "the tensor or the place for its number"));
    SINTER_ASSIGN(Tensor copy, capi::to_tensor(*tensor, true));
    SINTER_ASSIGN(*out, to.add_constant(capi::text_or_empty(name), std::move(copy)));
    return ok_status();
  });
}

sinter_status sinter_network_add_node(sinter_network* network, const char* domain, const char* op_type, const char* name, const sinter_value* inputs,
                                      size_t input_count, const sinter_attribute* attributes, size_t attribute_count, sinter_value* outputs,
                                      size_t output_count) {
  return capi::change(network, [&](Network& to) -> Status {
    constexpr size_t kMostOutputs = 1 << 16;
    SINTER_TRY(capi::require(op_type && (inputs || input_count == 0) && (outputs || output_count == 0), "the operator's name or a list of values"));
    if (output_count > kMostOutputs) return make_error(Code::kInvalidArgument, "found {} outputs, expected at most {}; correct the number", output_count, kMostOutputs);
    Attributes read;
    std::map<std::string, Network*> bodies;
    Status status = capi::read_attributes(attributes, attribute_count, read, bodies);
    if (!status.ok()) return std::move(status).with(fmt::format("node '{}' ({})", capi::text_or_empty(name), op_type));
    SINTER_ASSIGN(const std::vector<network::ValueId> made, to.add_node(capi::text_or_empty(domain), op_type, capi::text_or_empty(name), {inputs, input_count},
                                                                        std::move(read), bodies, output_count));
    std::copy(made.begin(), made.end(), outputs);
    return ok_status();
  });
}

sinter_status sinter_network_mark_output(sinter_network* network, sinter_value value, const char* name) {
  return capi::change(network, [&](Network& to) { return to.mark_output(value, capi::text_or_empty(name)); });
}

sinter_status sinter_network_unmark_output(sinter_network* network, sinter_value value) {
  return capi::change(network, [&](Network& to) { return to.unmark_output(value); });
}

sinter_status sinter_network_set_name(sinter_network* network, sinter_value value, const char* name) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_TRY(capi::require(name != nullptr, "the name"));
    return to.set_name(value, name);
  });
}

sinter_status sinter_network_set_node_name(sinter_network* network, const char* node, const char* name) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_TRY(capi::require(node && name, "a name"));
    return to.set_node_name(node, name);
  });
}

sinter_status sinter_network_set_input_type(sinter_network* network, sinter_value value, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                            const char* const* dim_names) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_ASSIGN(const ir::Value* input, to.value(value));
    const std::string name = input->name;
    SINTER_ASSIGN(ValueType type, capi::to_type(name.c_str(), dtype, dims, rank, dim_names));
    return to.set_input_type(value, std::move(type));
  });
}

sinter_status sinter_network_set_range(sinter_network* network, sinter_value value, float min, float max) {
  return capi::change(network, [&](Network& to) { return to.set_range(value, {min, max}); });
}

sinter_status sinter_network_set_precision(sinter_network* network, const char* node, sinter_dtype dtype) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_TRY(capi::require(node != nullptr, "the node's name"));
    SINTER_ASSIGN(const DType type, capi::to_dtype(dtype));
    return to.set_precision(node, type);
  });
}

sinter_status sinter_network_set_output_type(sinter_network* network, const char* node, size_t output, sinter_dtype dtype) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_TRY(capi::require(node != nullptr, "the node's name"));
    SINTER_ASSIGN(const DType type, capi::to_dtype(dtype));
    return to.set_output_type(node, output, type);
  });
}

sinter_status sinter_network_set_metadata(sinter_network* network, const char* key, const char* value) {
  return capi::change(network, [&](Network& to) -> Status {
    SINTER_TRY(capi::require(key && value, "the key or the text"));
    to.set_metadata(key, value);
    return ok_status();
  });
}

size_t sinter_network_input_count(const sinter_network* network) { return network ? network->network->graph().inputs.size() : 0; }
size_t sinter_network_output_count(const sinter_network* network) { return network ? network->network->graph().outputs.size() : 0; }
size_t sinter_network_node_count(const sinter_network* network) { return network ? network->network->graph().node_count() : 0; }

sinter_status sinter_network_input(sinter_network* network, size_t index, sinter_value* out) {
  return capi::query(network, out, [&]() -> Status {
    const auto& inputs = network->network->graph().inputs;
    SINTER_TRY(capi::check_index(index, inputs.size(), "input"));
    *out = network->network->id_of(inputs[index]);
    return ok_status();
  });
}

sinter_status sinter_network_output(sinter_network* network, size_t index, sinter_value* out) {
  return capi::query(network, out, [&]() -> Status {
    const auto& outputs = network->network->graph().outputs;
    SINTER_TRY(capi::check_index(index, outputs.size(), "output"));
    *out = network->network->id_of(outputs[index]);
    return ok_status();
  });
}

sinter_status sinter_network_find_value(sinter_network* network, const char* name, sinter_value* out) {
  return capi::query(network, out, [&]() -> Status {
    SINTER_TRY(capi::require(name != nullptr, "the name"));
    SINTER_ASSIGN(*out, network->network->find_value(name));
    return ok_status();
  });
}

sinter_status sinter_network_value_info(sinter_network* network, sinter_value value, sinter_io_info* out) {
  return capi::query(network, out, [&]() -> Status {
    SINTER_ASSIGN(const ir::Value* found, network->network->value(value));
    auto& text = network->value_texts[value];
    if (!text) text = std::make_unique<capi::IoText>(engine::IoInfo{found->name, found->type, {}});
    *out = text->info;
    return ok_status();
  });
}

sinter_status sinter_network_constant(sinter_network* network, sinter_value value, sinter_tensor* out) {
  return capi::query(network, out, [&]() -> Status {
    SINTER_ASSIGN(const ir::Value* found, network->network->value(value));
    if (!found->is_constant()) return make_error(Code::kNotFound, "value '{}': found no constant, expected one; its elements are computed", found->name);
    auto& text = network->constant_texts[value];
    if (!text) {
      text = std::make_unique<capi::TensorText>();
      text->assign(found->constant);
    }
    *out = text->view;
    return ok_status();
  });
}

sinter_status sinter_network_node(sinter_network* network, size_t index, sinter_node_info* out) {
  return capi::query(network, out, [&]() -> Status {
    if (network->nodes.empty()) network->nodes = network->network->nodes();
    SINTER_TRY(capi::check_index(index, network->nodes.size(), "node"));
    const ir::Node& node = *network->nodes[index];
    auto& text = network->node_texts[index];
    if (!text) {
      text = std::make_unique<sinter_network::NodeText>();
      text->name = node.name;
      for (const ir::Value* input : node.inputs) text->inputs.push_back(input ? network->network->id_of(input) : SINTER_ABSENT);
      for (const ir::Value* output : node.outputs) text->outputs.push_back(output ? network->network->id_of(output) : SINTER_ABSENT);
    }
    *out = {text->name.c_str(), node.op->name.c_str(), node.op->domain.c_str(), text->inputs.size(), text->outputs.size(), text->inputs.data(), text->outputs.data()};
    return ok_status();
  });
}

sinter_status sinter_network_attribute_text(sinter_network* network, const char* node, const char* attribute, char** out) {
  return capi::query(network, out, [&]() -> Status {
    SINTER_TRY(capi::require(node && attribute, "a name"));
    SINTER_ASSIGN(const ir::Node* found, network->network->node(node));
    const AttrValue* value = found->attributes.find(attribute);
    if (!value) return make_error(Code::kNotFound, "node '{}' ({}): found no attribute '{}', expected one of its attributes", node, found->op->name, attribute);
    *out = capi::copy_text(capi::attribute_text(*value));
    return ok_status();
  });
}

}  // extern "C"
