// What the oneDNN tactics share: engine and stream, memory descriptors for our layouts, epilogue programs as post-ops.
//
// The module is built against oneDNN's v2 API (Debian's 2.6.3). Its own scratchpad is replaced by the step's workspace. It
// declines where oneDNN would fall back to its reference or plain-gemm code: our own kernels are better there.
#pragma once

#include <dnnl.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tactic/tactic.h"

namespace sinter::onednn {

const dnnl::engine& cpu_engine();
// "2.6.3": part of every offer's config, because blobs are packed as this version wants them.
const std::string& library_version();

// f32 only; rank 3 to 5 for images. The descriptor of logical dims in one of our layouts, nullopt when oneDNN has none.
std::optional<dnnl::memory::desc> make_desc(const Dims& dims, Layout layout);

// A linear chain of post-ops equal to the problem's epilogue. Binary operands are problem inputs, passed at launch.
struct PostOps {
  dnnl::primitive_attr attr;
  struct Operand {
    int argument;        // DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1
    int problem_input;
    dnnl::memory::desc desc;
  };
  std::vector<Operand> operands;
};
// `output`: concrete dims and layout of output 0. An error says what has no post-op.
Result<PostOps> make_post_ops(const Problem& problem, const std::vector<Dims>& inputs, const Dims& output, Layout layout);

// What every offer says: code is generated, and weights are packed, for one shape. A new one costs each step a fraction of a millisecond, a network
// several.
Offer offer_for_one_shape(const std::string& implementation);

// True (with the name) for implementations that are no reason to choose oneDNN.
bool is_slow_implementation(const char* info);

// Blob bytes ⇄ a memory descriptor. The descriptor's raw form is stored with the config so that bind can tell whether the library packs
// differently now.
Tensor pack(const dnnl::memory::desc& from, const void* data, const dnnl::memory::desc& to);

// A bound primitive with fixed memory objects whose handles are set at each launch.
class PrimitiveRunner {
 public:
  void reset(dnnl::primitive primitive, int64_t scratchpad_bytes, const dnnl::memory::desc& scratchpad);
  // Argument `arg` is problem input/output number `index`, or fixed memory.
  void bind_input(int arg, const dnnl::memory::desc& desc, int index);
  void bind_output(int arg, const dnnl::memory::desc& desc, int index);
  void bind_fixed(int arg, const dnnl::memory::desc& desc, const void* data);
  int64_t workspace_bytes() const { return scratchpad_bytes_; }
  Status launch(const LaunchArgs& args);

 private:
  struct Bound {
    int index;
    dnnl::memory memory;
  };
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::vector<Bound> inputs_, outputs_;
  dnnl::memory scratchpad_;
  int64_t scratchpad_bytes_ = 0;
};

// oneDNN runs on OpenMP threads, as many as the calling thread asks for: within this scope, the team's number. It counts when
// primitives are described and made (they fix their partition then) and when they run.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int previous_;
};

// dnnl::error → Status, for the calls that throw.
template <typename Fn>
auto guarded(const char* what, Fn&& fn) -> decltype(fn()) {
  try {
    return fn();
  } catch (const dnnl::error& error) {
    return make_error(Code::kUnsupported, "oneDNN: {}: {}", what, error.what());
  }
}

}  // namespace sinter::onednn
