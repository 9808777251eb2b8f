// What every tactic of src/cpu begins with. One file of src/cpu named in tactics.def is one tactic: a class derived from
// CpuTactic and the line SINTER_CPU_TACTIC(file_name, ClassName) at its end.
#pragma once

#include <memory>
#include <string>

#include "cpu/tactics.h"

namespace sinter::cpu {

class CpuTactic : public Tactic {
 public:
  CpuTactic(const char* id, int version) : id_(id), version_(version) {}
  std::string_view id() const final { return id_; }
  int version() const final { return version_; }

 private:
  const char* id_;
  int version_;
};

// Versions, as tactics.def states them.
namespace tactic_version {
#define TACTIC(name, version) inline constexpr int name = version;
#include "cpu/tactics.def"
#undef TACTIC
}  // namespace tactic_version

#define SINTER_CPU_TACTIC(name, Class)                                  \
  const Tactic& name() {                                                \
    static const Class tactic("cpu." #name, tactic_version::name);      \
    return tactic;                                                      \
  }

// An offer with all tensors in one layout (absent inputs and those of other ranks are the caller's to correct).
inline Offer uniform_offer(const Problem& problem, Layout layout, std::string config = "") {
  Offer offer;
  offer.config = std::move(config);
  offer.input_layouts.assign(problem.inputs.size(), layout);
  offer.output_layouts.assign(problem.outputs.size(), layout);
  return offer;
}

// Bytes of an element, 0 for types without whole bytes and for strings.
inline int element_bytes(DType dtype) { return dtype_bits(dtype) % 8 == 0 ? dtype_bits(dtype) / 8 : 0; }

inline bool is_op(const Problem& problem, std::string_view op, std::string_view domain = "") {
  return problem.op == op && problem.domain == domain;
}

// A negative axis counts from the end.
inline int64_t normal_axis(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

constexpr int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }
constexpr int64_t ceil_quotient(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

// Channels in a block of the layout; 1 for layouts without blocks.
constexpr int64_t channel_block(Layout layout) {
  return layout == Layout::kChannelsBlocked16 ? 16 : layout == Layout::kChannelsBlocked8 ? 8 : 1;
}

}  // namespace sinter::cpu
