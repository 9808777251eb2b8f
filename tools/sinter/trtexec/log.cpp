#include "trtexec/log.h"

#include <cstdio>
#include <ctime>

namespace sinter::tool::trtexec {

void Log::say(Severity severity, const std::string& text) const {
  if (severity == Severity::kVerbose && !verbose_) return;
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%m/%d/%Y-%H:%M:%S", &local);
  const bool bad = severity == Severity::kError || severity == Severity::kWarning;
  std::FILE* const out = bad ? stderr : stdout;
  if (bad) std::fflush(stdout);
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = text.find('\n', begin);
    std::fprintf(out, "[%s] [%c] %s\n", stamp, static_cast<char>(severity), text.substr(begin, end == text.npos ? end : end - begin).c_str());
    if (end == text.npos) break;
    begin = end + 1;
  }
}

std::string Log::version() const { return generation_ == 8 ? "8.6.1" : generation_ == 11 ? "11.1.0" : "10.16.0"; }

std::string Log::tag(const char* word) const {
  const char* const version = generation_ == 8 ? "[TensorRT v8601]" : generation_ == 11 ? "[TensorRT v110100] [b0]" : "[TensorRT v101600] [b0]";
  return std::string("&&&& ") + word + " TensorRT.trtexec " + version + " # " + command_ + "\n";
}

void Log::running() const { std::fputs(tag("RUNNING").c_str(), stdout); }

int Log::passed() const {
  std::fputs(tag("PASSED").c_str(), stdout);
  return 0;
}

int Log::failed() const {
  std::fflush(stderr);
  std::fputs(tag("FAILED").c_str(), stdout);
  return 1;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace sinter::tool::trtexec
