// What stands behind the opaque handles of sinter.h, and the boundary that no exception crosses. Shared with src/capi.
#pragma once

#include <deque>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "capi_rt/dlpack.h"
#include "runtime/context.h"
#include "runtime/device_group.h"
#include "runtime/stream.h"
#include "sinter/sinter.h"

namespace sinter::capi {

// Remembers the failure for sinter_last_error and returns its code.
sinter_status report(const Status& status) noexcept;

// Runs fn() → Status; exceptions become statuses.
template <typename Fn>
sinter_status guarded(Fn&& fn) noexcept {
  try {
    return report(fn());
  } catch (const std::bad_alloc&) {
    return report(Status(Code::kOutOfMemory, "memory is spent; use smaller inputs or free memory"));
  } catch (const std::exception& error) {
    return report(make_error(Code::kInternal, "an unexpected failure: {}; report this", error.what()));
  }
}

inline Status require(bool condition, const char* what) {
  return condition ? ok_status() : make_error(Code::kInvalidArgument, "{} is missing (NULL); pass it", what);
}

// A copy that sinter_free releases.
char* copy_text(const std::string& text);

// Checks struct_size of an option struct and completes a shorter one of an older version with defaults.
template <typename Options>
Result<Options> read_options(const Options* given, void (*init)(Options*)) {
  Options options;
  init(&options);
  if (!given) return options;
  if (given->struct_size < sizeof given->struct_size || given->struct_size > sizeof options) {
    return make_error(Code::kInvalidArgument, "options: struct_size is {}, expected at most {}; call the _init function of the options",
                      given->struct_size, sizeof options);
  }
  __builtin_memcpy(static_cast<void*>(&options), given, given->struct_size);
  options.struct_size = sizeof options;
  return options;
}

// Loads the plugins that the options name.
Result<runtime::LoadOptions> load_options_of(const sinter_load_options* options);
// The files of a `trust` option; `any`: it is "any".
std::vector<std::string> trusted_keys_of(const char* trust, bool& any);

// sinter_io_info with the memory its pointers need.
struct IoText {
  explicit IoText(const engine::IoInfo& info);
  IoText(const IoText&) = delete;
  std::string name, type;
  std::vector<std::string> dim_texts;
  std::vector<const char*> dim_names;
  std::vector<int64_t> dims;
  sinter_io_info info{};
};

// sinter_tensor of a value, with the memory its pointers need.
struct TensorText {
  void assign(const Tensor& tensor);
  Tensor tensor;
  std::vector<const char*> strings;
  sinter_tensor view{};
};

// The reverse: a tensor of its own from a caller's description (strings copied); `copy` false keeps numbers in place.
Result<Tensor> to_tensor(const sinter_tensor& tensor, bool copy);
Result<Dims> to_dims(const int64_t* dims, int32_t rank);
Result<DType> to_dtype(sinter_dtype dtype);

}  // namespace sinter::capi

struct sinter_engine {
  explicit sinter_engine(std::shared_ptr<const sinter::runtime::Engine> engine);
  std::shared_ptr<const sinter::runtime::Engine> engine;
  std::deque<sinter::capi::IoText> inputs, outputs;
  std::string device = "cpu";
};

struct sinter_context {
  std::vector<sinter::capi::DlpackOwner> given_inputs, given_outputs;  // imported; they outlive the runs
  std::unique_ptr<sinter::runtime::ExecutionContext> context;
  std::deque<sinter::capi::TensorText> outputs;  // one an output
  std::deque<sinter::capi::TensorText> elements; // of the sequence read last
  std::vector<bool> has_data;                    // inputs that were given more than a shape
};

struct sinter_stream {
  sinter::runtime::Stream stream;
};

struct sinter_group {
  std::unique_ptr<sinter::runtime::DeviceGroup> group;
};

struct sinter_batch {
  std::shared_ptr<sinter::runtime::Batch> batch;
  std::vector<std::string> names;                // of the outputs
  std::deque<sinter::capi::TensorText> outputs;  // one an output
};

struct sinter_arena {
  std::shared_ptr<sinter::runtime::SharedArena> arena;
};

struct sinter_array {
  sinter::capi::TensorText text;
};
