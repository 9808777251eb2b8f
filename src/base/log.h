// The log sink: how the library tells people what is no error. It never prints by itself.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>

namespace sinter {

enum class Severity : int { kWarning = 0, kInfo = 1, kTrace = 2 };

using LogSink = std::function<void(Severity, const std::string& message)>;

// Process-wide; an empty sink drops messages. Calls of the sink never overlap. A sink must not log.
void set_log_sink(LogSink sink);
bool has_log_sink();
void log_message(Severity severity, const std::string& message);

// Formats only when somebody listens.
template <typename... Args>
void log(Severity severity, fmt::format_string<Args...> format, Args&&... args) {
  if (has_log_sink()) log_message(severity, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sinter
