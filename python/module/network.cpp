// What the network functions of the C interface say of a model, and simplification.
#include <memory>

#include <pybind11/stl.h>

#include "arrays.h"
#include "build.h"

namespace sinter::python {
namespace {

py::object described(const sinter_io_info& info) {
  const py::object kind = info.kind == SINTER_TENSOR && info.dtype != SINTER_UNDEFINED ? py::object(py::str(sinter_dtype_name(info.dtype))) : py::none();
  return py::make_tuple(kind, info.rank >= 0 ? py::object(to_tuple(info.dims, static_cast<size_t>(info.rank))) : py::none());
}

// {name: (element type or None, shape or None)} of every value of a model's main graph, -1 for dynamic sizes.
py::dict value_types(const std::string& path) {
  sinter_network* made = nullptr;
  check_unlocked([&] { return sinter_network_load(path.c_str(), nullptr, &made); });
  const std::unique_ptr<sinter_network, void (*)(sinter_network*)> network(made, sinter_network_free);
  py::dict types;
  const auto add = [&](sinter_value value) {
    if (value == SINTER_ABSENT) return;
    sinter_io_info info;
    check(sinter_network_value_info(network.get(), value, &info));
    types[py::str(info.name)] = described(info);
  };
  for (size_t i = 0; i < sinter_network_input_count(network.get()); ++i) {
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_input(network.get(), i, &value));
    add(value);
  }
  for (size_t i = 0; i < sinter_network_node_count(network.get()); ++i) {
    sinter_node_info node;
    check(sinter_network_node(network.get(), i, &node));
    const std::vector<sinter_value> outputs(node.outputs, node.outputs + node.output_count);
    for (const sinter_value value : outputs) add(value);
  }
  for (size_t i = 0; i < sinter_network_output_count(network.get()); ++i) {
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_output(network.get(), i, &value));
    add(value);
  }
  return types;
}

py::str simplify(const std::string& model, const std::string& out, const py::dict& given) {
  sinter_simplify_options options;
  sinter_simplify_options_init(&options);
  std::vector<std::unique_ptr<std::string>> texts;
  const auto text = [&](const char* name, const char*& place) {
    if (!given.contains(name) || given[name].is_none()) return;
    texts.push_back(std::make_unique<std::string>(py::cast<std::string>(given[name])));
    place = texts.back()->c_str();
  };
  const auto number = [&](const char* name, auto& place) {
    if (given.contains(name) && !given[name].is_none()) place = py::cast<std::remove_reference_t<decltype(place)>>(given[name]);
  };
  text("input_shapes", options.input_shapes);
  text("test_shapes", options.test_shapes);
  text("skipped", options.skipped);
  text("unused_outputs", options.unused_outputs);
  number("skip_constant_folding", options.skip_constant_folding);
  number("skip_fuse_batch_norm", options.skip_fuse_batch_norm);
  number("skip_optimization", options.skip_optimization);
  number("skip_value_types", options.skip_value_types);
  number("checks", options.checks);
  number("relative", options.relative);
  number("absolute", options.absolute);
  number("external_data", options.external_data);
  number("opset", options.opset);
  number("threads", options.threads);
  char* report = nullptr;
  check_unlocked([&] { return sinter_simplify_json(model.c_str(), &options, out.c_str(), &report); });
  return take_text(report);
}

}  // namespace

void define_network(py::module_& module) {
  module.def("_value_types", &value_types);
  module.def("_simplify_json", &simplify);
}

}  // namespace sinter::python
