#include "builder/boards.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "core/work.h"
#include "tactic/arithmetic.h"

namespace sinter::builder {
namespace {

constexpr int64_t kKiB = 1 << 10, kMiB = 1 << 20;
// Operations of a cycle: of a multiprocessor on Ampere's matrix units in 16-bit floats and on its plain units; of a
// core with two vectors of four floats.
constexpr double kMatrixOps = 2048, kPlainOps = 256, kCoreOps = 16;
// Shares of the peaks that kernels reach.
constexpr double kReached = 0.5, kReachedDirect = 0.05;
constexpr double kLaunchUs = 4, kCallUs = 0.5, kRankShare = 0.02;

class TargetDevice final : public Device {
 public:
  explicit TargetDevice(const Board& board) : board_(board) {}
  const DeviceSpec& spec() const override { return board_.spec; }
  const std::string& name() const override { return board_.gpu; }
  int ordinal() const override { return 0; }
  bool is_here() const override { return false; }
  bool is_integrated() const override { return true; }
  Result<bool> enter() override { return false; }
  void leave() override {}
  Status lost() const override { return ok_status(); }
  Status explain(Status failure) override { return failure; }
  Result<void*> allocate(int64_t) override { return away(); }
  void release(void*) override {}
  Result<void*> allocate_host(int64_t) override { return away(); }
  void release_host(void*) override {}
  int64_t free_bytes() override { return board_.total; }
  bool is_device_memory(const void*) override { return false; }
  bool is_pinned_memory(const void*) override { return false; }
  Status copy(void*, const void*, int64_t, CopyKind, DeviceStream) override { return away(); }
  Status fill(void*, uint8_t, int64_t, DeviceStream) override { return away(); }
  Result<DeviceStream> make_stream() override { return away(); }
  void release_stream(DeviceStream) override {}
  Status wait(DeviceStream) override { return away(); }
  Result<DeviceEvent> make_event(bool) override { return away(); }
  void release_event(DeviceEvent) override {}
  Status record(DeviceEvent, DeviceStream) override { return away(); }
  Status wait_event(DeviceStream, DeviceEvent) override { return away(); }
  Result<double> elapsed_us(DeviceEvent, DeviceEvent) override { return away(); }
  Status begin_capture(DeviceStream) override { return away(); }
  Result<DeviceCapture> end_capture(DeviceStream) override { return away(); }
  Result<DeviceGraph> make_graph(DeviceCapture) override { return away(); }
  Status launch_graph(DeviceGraph, DeviceStream) override { return away(); }
  void release_graph(DeviceGraph) override {}

 private:
  Status away() const {
    return make_error(Code::kUnsupported,
                      "target '{}' ({}) is not this machine: engines for it are built here and run there", board_.name,
                      board_.text);
  }
  const Board& board_;
};

// Operations a second.
double rate_of(const Board& board, const Problem& problem, const Tactic& tactic, const Offer& offer) {
  if (!problem.on_cuda()) return board.core_mhz * 1e6 * kCoreOps * board.cores * kReached;
  const std::string_view type = arithmetic_of(tactic, problem, offer).compute;
  const double ops = type == "f16" || type == "bf16" ? kMatrixOps
                     : type == "tf32"                ? kMatrixOps / 2
                     : type == "i8"                  ? 2 * kMatrixOps
                                                     : kPlainOps;
  const bool direct = tactic.id() == "cuda.conv_direct";  // a thread an element, operands from memory
  return board.gpu_mhz * 1e6 * ops * board.spec.processors * (direct ? kReachedDirect : kReached);
}

}  // namespace

const std::vector<Board>& boards() {
  static const auto* const list = new std::vector<Board>{
#define BOARD(name, mib, system, desktop, cuda, runtime, sm, processors, shared, l2, gpu_mhz, gb_s, cores, core_mhz, \
              gpu, text)                                                                                             \
  Board{name,                                                                                                        \
        gpu,                                                                                                         \
        text,                                                                                                        \
        (mib)*kMiB,                                                                                                  \
        (system)*kMiB,                                                                                               \
        (desktop)*kMiB,                                                                                              \
        (cuda)*kMiB,                                                                                                 \
        (runtime)*kMiB,                                                                                              \
        DeviceSpec{DeviceKind::kCuda, sm, processors, (shared)*kKiB, (l2)*kKiB},                                     \
        gpu_mhz,                                                                                                     \
        (gb_s)*1e9,                                                                                                  \
        cores,                                                                                                       \
        core_mhz},
#include "builder/boards.def"
#undef BOARD
  };
  return *list;
}

Result<const Board*> find_board(const std::string& name) {
  std::string names;
  for (const Board& board : boards()) {
    if (board.name == name || (!name.empty() && board.name.rfind(name + "-", 0) == 0)) return &board;
    names += (names.empty() ? "" : ", ") + board.name;
  }
  return make_error(Code::kInvalidArgument, "target: found '{}', expected a board: {}", name, names);
}

Device* target_device(const Board& board) {
  static std::mutex* const mutex = new std::mutex();
  static auto* const devices = new std::map<const Board*, std::unique_ptr<Device>>();
  const std::lock_guard lock(*mutex);
  std::unique_ptr<Device>& device = (*devices)[&board];
  if (!device) device = std::make_unique<TargetDevice>(board);
  return device.get();
}

double estimate_us(const Board& board, const Problem& problem, const Tactic& tactic, const Offer& offer, size_t rank) {
  const Work work = work_of(problem);
  const double plain = problem.on_cuda() ? board.gpu_mhz * 1e6 * kPlainOps * board.spec.processors * kReached
                                         : rate_of(board, problem, tactic, offer);
  const double arithmetic = work.dense_ops / rate_of(board, problem, tactic, offer) + work.other_ops / plain;
  const double moving = static_cast<double>(work.bytes) / (board.bandwidth * kReached);
  return (std::max(arithmetic, moving) * 1e6 + (problem.on_cuda() ? kLaunchUs : kCallUs)) *
         (1 + kRankShare * static_cast<double>(rank));
}

}  // namespace sinter::builder
