// SharedArena: device memory for activations and scratch that several contexts use in turn, instead of an arena each. Work of one context waits on
// the device for the one before; the host does not wait. Thread-safe.
#pragma once

#include <memory>
#include <mutex>

#include "tactic/device.h"

namespace sinter::runtime {

class SharedArena {
 public:
  // Grows to what the contexts need.
  static Result<std::shared_ptr<SharedArena>> make(Device* device);
  // In memory of the caller, which must stay as long as the contexts; it can't grow.
  static Result<std::shared_ptr<SharedArena>> in(Device* device, void* memory, int64_t bytes);
  ~SharedArena();
  SharedArena(const SharedArena&) = delete;
  SharedArena& operator=(const SharedArena&) = delete;

  Device* device() const { return device_; }
  uint8_t* data() const { return given_ ? given_ : own_.data(); }
  int64_t bytes() const { return given_ ? given_bytes_ : own_.bytes(); }

  // While a turn lives no other context puts work on the device that uses the arena.
  class Turn {
   public:
    explicit Turn(SharedArena* arena);  // null: nothing to wait for
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    // Later work of the stream comes after the turns before. To be called before any work of this turn.
    Status start(DeviceStream stream);

   private:
    SharedArena* arena_;
    std::unique_lock<std::mutex> lock_;
    DeviceStream stream_ = nullptr;
    bool started_ = false;
  };
  // Within a turn: at least so many bytes, perhaps elsewhere than before.
  Status reserve(int64_t bytes);

 private:
  SharedArena() = default;
  Device* device_ = nullptr;
  std::mutex mutex_;
  DeviceEvent last_ = nullptr;  // after the last turn's work
  bool used_ = false;
  DeviceBuffer own_;
  uint8_t* given_ = nullptr;
  int64_t given_bytes_ = 0;
};

}  // namespace sinter::runtime
