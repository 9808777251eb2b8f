// A plugin of domain "varied" with what a description can say: variadic and optional parameters, types by letter, attributes of every kind, sizes from an input.
#include <sinter/plugin.hpp>

#include <algorithm>
#include <cstring>

using sinter::custom::Dim;
using sinter::custom::fail;
using sinter::custom::Operator;
using sinter::custom::Run;
using sinter::custom::Shapes;

namespace {

constexpr uint64_t kF32 = SINTER_PLUGIN_SET(SINTER_PLUGIN_F32), kI64 = SINTER_PLUGIN_SET(SINTER_PLUGIN_I64);
constexpr uint64_t kBytes = SINTER_PLUGIN_SET(SINTER_PLUGIN_U8) | SINTER_PLUGIN_SET(SINTER_PLUGIN_BOOL) | SINTER_PLUGIN_SET(SINTER_PLUGIN_F16) | kF32 | kI64;

// --- Total: the sum of one or more ---

void infer_first(Shapes& s) { s.output(0, s.dtype(0), s.dims(0)); }
void run_total(Run& r) {
  for (int64_t i = 0; i < r.output_count_of(0); ++i) {
    float sum = 0;
    for (size_t k = 0; k < r.inputs(); ++k) sum += r.input<float>(k)[i];
    r.output<float>(0)[i] = sum;
  }
}

// --- Shaped: x's bytes, again and again, in the shape that an input says ---

void infer_shaped(Shapes& s) {
  const auto rank = s.dim(1, 0).value();
  if (!rank) fail("the rank must be known");
  std::vector<Dim> dims;
  for (int64_t i = 0; i < *rank; ++i) {
    const auto size = s.element(1, i);
    dims.push_back(size ? *size : s.data_dependent("size", s.number(100)));
  }
  s.output(0, s.dtype(0), dims);
}
void run_shaped(Run& r) {
  const std::vector<int64_t> dims = r.output_dims(0);
  int64_t count = 1;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const int64_t size = r.input<int64_t>(1)[axis];
    if (size != dims[axis]) fail("a size is not what the rule said");
    count *= size;
  }
  const int64_t given = r.input_count_of(0);
  if (given == 0 && count > 0) fail("nothing to repeat");
  const size_t element = given > 0 ? r.c()->inputs[0].bytes / static_cast<size_t>(given) : 0;
  for (int64_t i = 0; i < count; ++i) std::memcpy(r.output<char>(0) + static_cast<size_t>(i) * element, r.input<char>(0) + static_cast<size_t>(i % given) * element, element);
}

// --- Echo: what its attributes hold, as numbers ---

std::vector<float> values_of(Run& r) {
  std::vector<float> values{static_cast<float>(r.integer(0)), r.real(1), static_cast<float>(r.text(2).size())};
  for (int64_t i : r.integers(3)) values.push_back(static_cast<float>(i));
  for (float f : r.reals(4)) values.push_back(f);
  const sinter_plugin_value& texts = r.c()->attributes[5];
  for (size_t i = 0; texts.present && i < texts.count; ++i) values.push_back(static_cast<float>(std::strlen(texts.strings[i])));
  const sinter_plugin_value& tensor = r.c()->attributes[6];
  if (tensor.present) values.push_back(static_cast<const float*>(tensor.tensor.data)[tensor.tensor.bytes / sizeof(float) - 1]);
  return values;
}
void infer_echo(Shapes& s) { s.output(0, SINTER_PLUGIN_F32, {s.dim(0, 0)}); }
void run_echo(Run& r) {
  const std::vector<float> values = values_of(r);
  for (int64_t i = 0; i < r.output_count_of(0); ++i) r.output<float>(0)[i] = i < static_cast<int64_t>(values.size()) ? values[static_cast<size_t>(i)] : -1.0f;
}

// --- Choice: x, or y where it is given; how many inputs there were is an output that may be left out ---

void infer_choice(Shapes& s) {
  s.output(0, s.dtype(0), s.dims(s.has_input(1) ? 1 : 0));
  if (s.outputs() > 1) s.output(1, SINTER_PLUGIN_I64, {});
}
void run_choice(Run& r) {
  const size_t which = r.has_input(1) ? 1 : 0;
  if (r.c()->inputs[which].bytes > 0) std::memcpy(r.output<char>(0), r.input<char>(which), r.c()->inputs[which].bytes);
  if (r.wants_output(1)) *r.output<int64_t>(1) = r.has_input(1) ? 2 : 1;
}

auto total = Operator<infer_first, run_total>("varied", "Total").input("x", kF32, nullptr, SINTER_PLUGIN_VARIADIC).output("sum", kF32);
auto shaped = Operator<infer_shaped, run_shaped>("varied", "Shaped").input("x", kBytes, "T").input("shape", kI64).output("y", kBytes, "T");
auto echo = Operator<infer_echo, run_echo>("varied", "Echo")
                .input("x", kF32)
                .output("y", kF32)
                .attribute("i", int64_t{7})
                .attribute("f", 1.5f)
                .attribute("s", "four")
                .attribute("is", std::vector<int64_t>{10, 20})
                .optional("fs", SINTER_PLUGIN_FLOATS)
                .optional("ss", SINTER_PLUGIN_STRINGS)
                .optional("t", SINTER_PLUGIN_TENSOR);
auto choice = Operator<infer_choice, run_choice>("varied", "Choice")
                  .input("x", kBytes, "T")
                  .input("y", kBytes, "T", SINTER_PLUGIN_OPTIONAL)
                  .output("z", kBytes, "T")
                  .output("count", kI64, nullptr, SINTER_PLUGIN_OPTIONAL);

}  // namespace

SINTER_PLUGIN_LIBRARY("varied", "1.0", total, shaped, echo, choice)
