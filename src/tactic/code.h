// Device code of engines: its forms, and whose it is. An engine is a file that anybody may have written; data of it is
// checked, code can't be.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "core/tensor.h"
#include "tactic/tactic.h"

namespace sinter {

class Device;

// What device code is made for: a capability; `ptx`: as text that the driver of any later one compiles.
struct CodeTarget {
  int sm = 0;
  bool ptx = false;
};

// Whether GPUs of a capability run a cubin made for another: within a major capability it runs on later ones, from 9.0 on
// on its own alone. Whether the driver agrees is seen when the code is loaded.
bool cubin_runs_on(int made_for, int here);

// A tactic whose kernels are text derives from this too. The target is at least the problem's capability, of which the
// code uses nothing beyond.
class CodeMaker {
 public:
  virtual ~CodeMaker() = default;
  virtual Result<Tensor> compile_for(const Problem& problem, const Offer& offer, const CodeTarget& target) const = 0;
};
bool has_kernel_text(const Tactic& tactic);
// Device code of the tactic; undefined: it has none.
Result<Tensor> compile_code(const Tactic& tactic, const Problem& problem, const Offer& offer, const CodeTarget& target);

// One form of a step's device code.
struct CodeForm {
  CodeTarget target;
  bool tegra = false;  // a cubin for an integrated GPU (Jetson), whose cubins are kept apart
  int toolkit = 0;     // of the compiler: 13000 for CUDA 13.0
  Tensor bytes;
};

// A step's code is a cubin as it is, or a bundle of forms, perhaps of none: then it is compiled where it is loaded.
Tensor bundle_code(std::span<const CodeForm> forms);
bool is_code_bundle(const Tensor& code);
// Views into the bundle. A bundle that is damaged is an error.
Result<std::vector<CodeForm>> code_forms(const Tensor& bundle);

// Whether this user made the code: it is, byte for byte, what this process compiled or what lies in the user's kernel
// cache; of a bundle, every form of it. Defined by src/cuda.
bool cuda_code_made_here(const Tensor& code);

// Where the kernels of an engine came from when it was loaded, and what was compiled for that.
struct CodeOrigins {
  int64_t cubins = 0;     // that the engine carries
  int64_t cached = 0;     // in this user's kernel cache, which an earlier load filled
  int64_t from_ptx = 0;   // compiled by the driver
  int64_t from_text = 0;  // compiled by NVRTC
  double compile_ms = 0;  // of both
  std::string refused;    // why cubins were not taken; "": they were
};

struct ReadyCode {
  Tensor code;                         // as bind wants it
  std::shared_ptr<const void> loaded;  // keeps it loaded
};

// What the device takes of a step's code: a cubin for it, else what its driver makes of PTX, else what NVRTC makes of
// the kernel's text, which the tactic prints from the problem and the offer. What was compiled stays in this user's
// kernel cache. Within a DeviceScope. Defined by src/cuda.
Result<ReadyCode> ready_cuda_code(const Tactic& tactic, const Problem& problem, const Offer& offer, const Tensor& code,
                                  const Device& device, CodeOrigins& origins);

// "NVRTC 13.0", "" where there is none; "CUDA 12.2" of the driver, "" likewise. Defined by src/cuda.
std::string cuda_compiler_version();
std::string cuda_driver_version();
// 13000 for NVRTC 13.0, 0: there is none. Defined by src/cuda.
int cuda_compiler_number();

}  // namespace sinter
