#include "base/log.h"

#include <atomic>
#include <mutex>

namespace sinter {
namespace {

std::mutex& sink_mutex() {
  static std::mutex mutex;
  return mutex;
}

LogSink& sink() {
  static LogSink current;
  return current;
}

std::atomic<bool> listening{false};

}  // namespace

void set_log_sink(LogSink new_sink) {
  const std::lock_guard lock(sink_mutex());
  listening = static_cast<bool>(new_sink);
  sink() = std::move(new_sink);
}

bool has_log_sink() { return listening; }

void log_message(Severity severity, const std::string& message) {
  const std::lock_guard lock(sink_mutex());
  if (sink()) sink()(severity, message);
}

}  // namespace sinter
