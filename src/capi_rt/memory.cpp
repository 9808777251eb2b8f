// Part 1 of sinter.h: memory of a device by its name.
#include <algorithm>

#include "capi_rt/handles.h"
#include "engine/manifest.h"

using namespace sinter;

namespace {

// What does not fit anywhere fails in the allocator, with room for its rounding up.
int64_t size_of(size_t bytes) { return static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX / 2)); }

// fn(device) inside the device's scope.
template <typename Fn>
sinter_status on_device(const char* name, Fn&& fn) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(name, "the device's name"));
    SINTER_ASSIGN(const DeviceId id, parse_device(name));
    SINTER_ASSIGN(Device* device, find_device(id));
    const DeviceScope scope(device);
    SINTER_TRY(scope.status());
    return fn(*device);
  });
}

// On a stream of its own, waited for.
template <typename Fn>
Status and_wait(Device& device, Fn&& fn) {
  SINTER_ASSIGN(const DeviceStream stream, device.make_stream());
  Status status = fn(stream);
  if (status.ok()) status = device.wait(stream);
  device.release_stream(stream);
  return status;
}

}  // namespace

extern "C" {

sinter_status sinter_device_json(const char* name, char** out) {
  return on_device(name, [&](Device& device) -> Status {
    SINTER_TRY(capi::require(out, "the text to make"));
    *out = capi::copy_text(fmt::format("{{\"name\": {}, \"ordinal\": {}, \"free_bytes\": {}, \"compute_capability\": {}, \"multiprocessors\": {}}}",
                                       engine::json_quote(device.name()), device.ordinal(), device.free_bytes(), device.spec().sm, device.spec().processors));
    return ok_status();
  });
}

sinter_status sinter_memory_allocate(const char* name, size_t bytes, void** out) {
  return on_device(name, [&](Device& device) -> Status {
    SINTER_TRY(capi::require(out, "the address to fill"));
    SINTER_ASSIGN(*out, device.allocate(size_of(bytes)));
    return ok_status();
  });
}

void sinter_memory_free(const char* name, void* memory) {
  (void)on_device(name, [&](Device& device) -> Status {
    device.release(memory);
    return ok_status();
  });
}

sinter_status sinter_memory_allocate_host(const char* name, size_t bytes, void** out) {
  return on_device(name, [&](Device& device) -> Status {
    SINTER_TRY(capi::require(out, "the address to fill"));
    SINTER_ASSIGN(*out, device.allocate_host(size_of(bytes)));
    return ok_status();
  });
}

void sinter_memory_free_host(const char* name, void* memory) {
  (void)on_device(name, [&](Device& device) -> Status {
    device.release_host(memory);
    return ok_status();
  });
}

sinter_status sinter_memory_copy(const char* name, void* to, const void* from, size_t bytes, sinter_copy kind) {
  return on_device(name, [&](Device& device) -> Status {
    if (bytes == 0) return ok_status();
    SINTER_TRY(capi::require(to && from, "the memory to copy"));
    CopyKind how = CopyKind::kDeviceToDevice;
    if (kind == SINTER_COPY_TO_DEVICE) how = CopyKind::kHostToDevice;
    else if (kind == SINTER_COPY_TO_HOST) how = CopyKind::kDeviceToHost;
    else if (kind != SINTER_COPY_ON_DEVICE) return make_error(Code::kInvalidArgument, "copy: kind is {}; use a sinter_copy", static_cast<int>(kind));
    return and_wait(device, [&](DeviceStream stream) { return device.copy(to, from, size_of(bytes), how, stream); });
  });
}

sinter_status sinter_memory_fill(const char* name, void* memory, uint8_t value, size_t bytes) {
  return on_device(name, [&](Device& device) -> Status {
    if (bytes == 0) return ok_status();
    SINTER_TRY(capi::require(memory, "the memory to fill"));
    return and_wait(device, [&](DeviceStream stream) { return device.fill(memory, value, size_of(bytes), stream); });
  });
}

}  // extern "C"
