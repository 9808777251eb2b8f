#include "runtime/shared_arena.h"

namespace sinter::runtime {

Result<std::shared_ptr<SharedArena>> SharedArena::make(Device* device) {
  std::shared_ptr<SharedArena> arena(new SharedArena());
  const DeviceScope scope(device);
  SINTER_TRY(scope.status());
  arena->device_ = device;
  SINTER_ASSIGN(arena->last_, device->make_event(/*timing=*/false));
  return arena;
}

Result<std::shared_ptr<SharedArena>> SharedArena::in(Device* device, void* memory, int64_t bytes) {
  if (!memory || bytes <= 0 || reinterpret_cast<uintptr_t>(memory) % kDeviceAlignment != 0) {
    return make_error(Code::kInvalidArgument, "shared memory of a device: found {} bytes at {}, expected device memory aligned to {} bytes; allocate it with "
                      "the device's allocator", bytes, memory, kDeviceAlignment);
  }
  SINTER_ASSIGN(std::shared_ptr<SharedArena> arena, make(device));
  arena->given_ = static_cast<uint8_t*>(memory);
  arena->given_bytes_ = bytes;
  return arena;
}

SharedArena::~SharedArena() {
  const DeviceScope scope(device_);
  if (!scope.status().ok()) return;
  device_->release_event(last_);
  own_ = DeviceBuffer();  // waits for work that uses it
}

Status SharedArena::reserve(int64_t bytes) {
  if (bytes <= this->bytes()) return ok_status();
  if (given_) {
    return make_error(Code::kOutOfMemory, "these shapes need {} bytes for activations and scratch on the device, the memory given for them has {}; give more, "
                      "or run smaller inputs", bytes, given_bytes_);
  }
  own_ = DeviceBuffer();
  auto made = DeviceBuffer::make(device_, bytes);
  if (!made.ok()) return std::move(made).status().with("while making room for activations and scratch that contexts share");
  own_ = std::move(made).value();
  return ok_status();
}

SharedArena::Turn::Turn(SharedArena* arena) : arena_(arena) {
  if (arena_) lock_ = std::unique_lock(arena_->mutex_);
}

Status SharedArena::Turn::start(DeviceStream stream) {
  if (!arena_) return ok_status();
  if (arena_->used_) SINTER_TRY(arena_->device_->wait_event(stream, arena_->last_));
  stream_ = stream;
  started_ = true;
  return ok_status();
}

SharedArena::Turn::~Turn() {
  if (!started_) return;
  if (arena_->device_->record(arena_->last_, stream_).ok()) arena_->used_ = true;
  else (void)arena_->device_->wait(stream_);
}

}  // namespace sinter::runtime
