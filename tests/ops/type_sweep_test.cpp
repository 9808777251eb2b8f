// Every element type that a schema allows has a reference kernel: operators are called with small tensors of each type. What refuses the shapes or attributes of such a call is
// not asked further; what refuses the type fails.
#include <gtest/gtest.h>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

Tensor ones(DType dtype, Dims dims) {
  if (dtype == DType::kString) {
    Tensor tensor(dtype, std::move(dims));
    std::fill_n(tensor.data<std::string>(), tensor.count(), "1");
    return tensor;
  }
  Tensor wide(DType::kF32, std::move(dims));
  std::fill_n(wide.data<float>(), wide.count(), 1.0f);
  return contains(kComplexTypes, dtype) ? Tensor(dtype, wide.dims()) : wide.cast(dtype);
}

bool refuses_type(const Status& status) {
  return !status.ok() && (status.message().find("no reference kernel") != std::string::npos || status.message().find("element type") != std::string::npos);
}

// All inputs of the variable get `dtype`, the others their first type.
std::vector<Tensor> inputs_of(const OpDef& op, const std::string& variable, DType dtype, const Dims& dims, bool optionals) {
  std::vector<Tensor> inputs;
  for (const ParamDef& param : op.inputs) {
    const TypeVar* type = op.find_type(param.type);
    if (param.kind == ParamKind::kOptional && !optionals) {
      inputs.emplace_back();
      continue;
    }
    DType chosen = dtype;
    for (int i = kDTypeCount - 1; param.type != variable && i > 0; --i)
      if (contains(type->tensors, static_cast<DType>(i))) chosen = static_cast<DType>(i);
    inputs.push_back(ones(chosen, dims));
  }
  return inputs;
}

TEST(TypeSweep, EveryAllowedTypeHasAKernel) {
  int runs = 0, done = 0;
  for (const OpDef* op : all_ops()) {
    if (op->domain == "sinter" || op->is(kControlFlow)) continue;
    for (const TypeVar& variable : op->types) {
      const bool used = std::any_of(op->inputs.begin(), op->inputs.end(), [&](const ParamDef& param) { return param.type == variable.name; });
      if (!used || variable.tensors == 0) continue;
      for (int i = 1; i < kDTypeCount; ++i) {
        const auto dtype = static_cast<DType>(i);
        if (!contains(variable.tensors, dtype)) continue;
        for (const Dims& dims : {Dims{1}, Dims{2, 2}, Dims{1, 1, 2, 2}}) {
          for (const bool optionals : {false, true}) {
            Attributes attributes;
            for (const AttrDef& attribute : op->attributes) {
              if (attribute.required && attribute.kind == AttrKind::kInt) attributes.set(attribute.name, int64_t{1});
              if (attribute.required && attribute.kind == AttrKind::kInts) attributes.set(attribute.name, std::vector<int64_t>{1});
            }
            const bool complete = std::none_of(op->attributes.begin(), op->attributes.end(), [&](const AttrDef& attribute) { return attribute.required && !attributes.has(attribute.name); });
            if (!complete) continue;
            const Status status = evaluate_once(*op, attributes, inputs_of(*op, variable.name, dtype, dims, optionals), static_cast<int>(op->outputs.size()));
            ++runs;
            done += status.ok();
            EXPECT_FALSE(refuses_type(status)) << op->full_name() << ", " << variable.name << " of " << dtype_name(dtype) << ": " << status.message();
          }
        }
      }
    }
  }
  // Most calls mean something; else the sweep would say little.
  EXPECT_GT(done, 2000) << "of " << runs;
}

}  // namespace
}  // namespace sinter::testing
