// Part 1 of sinter.h: memory of an engine's GPU.
#include <algorithm>

#include "capi_rt/handles.h"

using namespace sinter;

namespace {

Result<Device*> device_of(const sinter_engine* engine) {
  SINTER_TRY(capi::require(engine, "the engine"));
  if (engine->engine->device()) return engine->engine->device();
  return make_error(Code::kUnsupported, "the engine runs on the CPU, which has no device memory; use host memory");
}

// One copy on a stream of its own, waited for.
Status copy(const sinter_engine* engine, void* to, const void* from, size_t bytes, CopyKind kind) {
  SINTER_ASSIGN(Device* device, device_of(engine));
  SINTER_TRY(capi::require(to && from, "the memory to copy"));
  const DeviceScope scope(device);
  SINTER_TRY(scope.status());
  SINTER_ASSIGN(const DeviceStream stream, device->make_stream());
  Status status = device->copy(to, from, static_cast<int64_t>(bytes), kind, stream);
  if (status.ok()) status = device->wait(stream);
  device->release_stream(stream);
  return status;
}

}  // namespace

extern "C" {

sinter_status sinter_device_allocate(const sinter_engine* engine, size_t bytes, void** out) {
  return capi::guarded([&]() -> Status {
    SINTER_ASSIGN(Device* device, device_of(engine));
    SINTER_TRY(capi::require(out, "the address to fill"));
    const DeviceScope scope(device);
    SINTER_TRY(scope.status());
    SINTER_ASSIGN(*out, device->allocate(static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX))));
    return ok_status();
  });
}

void sinter_device_free(const sinter_engine* engine, void* device_data) {
  if (!engine || !engine->engine->device()) return;
  const DeviceScope scope(engine->engine->device());
  if (scope.status().ok()) engine->engine->device()->release(device_data);
}

sinter_status sinter_device_write(const sinter_engine* engine, void* device_data, const void* host_data, size_t bytes) {
  return capi::guarded([&] { return copy(engine, device_data, host_data, bytes, CopyKind::kHostToDevice); });
}

sinter_status sinter_device_read(const sinter_engine* engine, void* host_data, const void* device_data, size_t bytes) {
  return capi::guarded([&] { return copy(engine, host_data, device_data, bytes, CopyKind::kDeviceToHost); });
}

}  // extern "C"
