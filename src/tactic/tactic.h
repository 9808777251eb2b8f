// The narrow interface between the builder/runtime and the kernels (design decision 4): query → Offer or Decline, prepare (build
// time: pack weights), bind (load time), specialize (shape), launch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/threads.h"
#include "core/offer.h"
#include "core/problem.h"
#include "core/tensor.h"

namespace sinter {

struct Decline {
  std::string reason;  // "needs avx512, this machine has avx2", "rank 5 > 4", …
};

// Filled by Tactic::query.
struct Answer {
  std::vector<Offer> offers;
  std::vector<Decline> declines;
  void offer(Offer offer) { offers.push_back(std::move(offer)); }
  void decline(std::string reason) { declines.push_back({std::move(reason)}); }
};

// An index that a kernel on a device found out of range: what a launch there can't return.
struct DeviceFault {
  uint32_t seen = 0, padding = 0;          // not 0: the rest says what the first was
  int64_t value = 0, position = 0, size = 0;  // the index, its place among the indices, how many elements there are
};

// All pointers are addresses of the problem's device.
struct LaunchArgs {
  const void* const* inputs;  // one a problem input; null for packed and absent ones; in the offer's layouts
  void* const* outputs;
  void* workspace;            // at least what specialize returned, aligned to kTensorAlignment (CUDA: 256)
  ThreadTeam* team;           // CPU
  void* stream = nullptr;     // CUDA: the CUstream that all work goes to
  const void* const* blobs = nullptr;  // CUDA: device addresses of prepare's blobs, in order
  DeviceFault* fault = nullptr;        // CUDA: pinned host memory where kernels report the first index out of range; null: nobody asks
};

// A bound kernel: belongs to one execution context, used by one thread at a time. CUDA: the device's context is current in all calls
// of Tactic and Kernel but query, prepare and compile.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Fixes the concrete logical dims; called before the first launch and whenever they change. May allocate. Returns the
  // workspace in bytes for `threads` threads.
  virtual Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) = 0;
  // Does the work: no allocation, no lock, no throw. Inputs and outputs are aligned to at least 16 bytes where the value is the
  // caller's, to 64 otherwise. A failure can only be one of the data (an index out of range).
  // CUDA: puts the work on args.stream and returns; the call may be captured into a graph, so nothing else but launches, copies and
  // fills on that stream is allowed, and what it puts there may depend on nothing but the specialised dims and the pointers.
  virtual Status launch(const LaunchArgs& args) = 0;
};

class Tactic {
 public:
  virtual ~Tactic() = default;
  virtual std::string_view id() const = 0;  // "cpu.softmax_rows"; printed as id@version
  virtual int version() const = 0;          // bump when results, packing or speed change: invalidates timings and engines
  virtual DeviceKind device() const { return DeviceKind::kCpu; }  // it is asked about problems of this device only
  // The library outside Sinter that it needs, as --tacticSources names it ("CUBLAS_LT"): it takes part only when asked for. "": none.
  virtual std::string_view source() const { return ""; }
  // Adds offers, or declines with a reason, for a problem whose layouts are all kRowMajor still. Pure and thread-safe.
  virtual void query(const Problem& problem, Answer& answer) const = 0;
  // Packed blobs for the engine (any dtype; often u8 or f32), from the constant inputs marked packed_inputs. `constants` has one
  // tensor a problem input, undefined where the input is not constant; always row-major. The problem has the offer's layouts.
  // Default: nothing to pack.
  virtual Result<std::vector<Tensor>> prepare(const Problem&, const Offer&, std::span<const Tensor>) const {
    return std::vector<Tensor>();
  }
  // Device code for the engine (a cubin); undefined: none. Apart from prepare's blobs, because code is loaded from trusted engines only.
  virtual Result<Tensor> compile(const Problem&, const Offer&) const { return Tensor(); }
  // Makes the kernel. `blobs`: prepare's, then compile's code when there is one: views into the engine (host memory), which outlives
  // the kernel. CUDA: prepare's are for sizes only; their device addresses come with every launch.
  virtual Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer,
                                               std::span<const Tensor> blobs) const = 0;
};

}  // namespace sinter
