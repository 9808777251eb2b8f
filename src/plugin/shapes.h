// The shape rule of a plugin, asked and checked.
#pragma once

#include <functional>

#include "plugin/library.h"

namespace sinter::plugin {

struct ShapeInput {
  bool present = true;
  DType dtype = DType::kUndefined;
  Shape shape;
  const Tensor* constant = nullptr;     // all of it, where it is known
  std::optional<ShapeTensor> elements;  // of one that holds sizes, where they can be followed
};

struct ShapeOutput {
  DType dtype = DType::kUndefined;
  Shape shape;                // a size by data is a symbol of `fresh`
  Shape bounds;               // the same, but with bounds for such sizes
  std::vector<bool> by_data;  // one an axis
  bool depends_on_data() const;
};

// The message names no node. Sizes that are numbers are sane: not negative, and together no more than fits into an address space.
Result<std::vector<ShapeOutput>> ask_shapes(const Operator& op, const Attributes& attributes, std::span<const ShapeInput> inputs, size_t outputs,
                                            std::function<Dim(std::string_view)> fresh);

// What an output must be, for concrete inputs. An error says how the rule's answer differs from `dims`.
Status check_same(const Operator& op, size_t output, const ShapeOutput& asked, DType dtype, const Dims& dims);

// The element types that the schema allows an output.
DTypeSet output_types(const Operator& op, size_t output);
// "output 1 ('indices')".
std::string output_name(const Operator& op, size_t output);
std::string input_name(const Operator& op, size_t input);

}  // namespace sinter::plugin
