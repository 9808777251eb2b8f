#include "fuzz_targets.h"
#include "monitor/log.h"
#include "monitor/tegrastats.h"

int fuzz_tegrastats(const uint8_t* data, size_t size) {
  namespace monitor = sinter::tool::monitor;
  const monitor::Log log = monitor::parse_tegrastats_log({reinterpret_cast<const char*>(data), size});
  (void)monitor::log_json(log, "fuzz");
  (void)monitor::log_csv(log);
  (void)monitor::log_html(log, "fuzz");
  for (const monitor::Sample& sample : log.samples) {
    (void)monitor::parse_tegrastats_line(monitor::tegrastats_line(sample));
  }
  return 0;
}
