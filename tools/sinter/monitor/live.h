// Figures while something runs: a line of tegrastats' format each interval, on standard output, into a file, or as a view that renews itself in a terminal.
#pragma once

#include <string>

namespace sinter::tool::monitor {

struct LiveOptions {
  int interval_ms = 1000;
  std::string logfile;  // appended to
  bool start = false;   // go on in the background
  bool stop = false;    // end what this user has running
  bool view = false;    // the view; else lines
  long count = 0;       // samples; 0: until ended
};

// Runs until SIGINT or SIGTERM (or `count`); what it has open then is complete. Throws Failure.
void run_live(const LiveOptions& options);

}  // namespace sinter::tool::monitor
