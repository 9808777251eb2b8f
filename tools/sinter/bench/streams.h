// sinter bench --streams N: throughput of N contexts at once, each on a thread and (on a GPU) a stream of its own, so that copies of one request overlap
// the computing of others.
#pragma once

#include <nlohmann/json.hpp>

#include "session.h"

namespace sinter::tool {

struct StreamsResult {
  int streams = 0;
  int64_t runs = 0;
  double seconds = 0;
  uint64_t bytes_in = 0, bytes_out = 0;  // of a run, between host and GPU
  double rate() const { return seconds > 0 ? static_cast<double>(runs) / seconds : 0; }
};

// Contexts of all sessions at once, `streams` of each, for about `seconds` after a warm-up; a result a session. Inputs
// are the sessions', copied to memory of each context: pinned host memory, or the GPU's when `on_device` (then nothing
// is copied in a run).
std::vector<StreamsResult> bench_streams(const std::vector<const Session*>& sessions, int streams, int threads,
                                         double warmup_ms, double seconds, bool on_device);

// Measures one stream and `streams` in turn, prints both, and gives them as JSON.
nlohmann::ordered_json compare_streams(const Session& session, int streams, int threads, double warmup_ms, double seconds, bool on_device);

}  // namespace sinter::tool
