// What bench was asked for, and its parts.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

#include "gpus.h"
#include "measure.h"
#include "monitor/conditions.h"
#include "monitor/nvml.h"
#include "session.h"

namespace sinter::tool {

using Json = nlohmann::ordered_json;

struct BenchOptions {
  BuildFlags flags;
  InputFlags inputs;
  std::string model, json, peaks, csv, html, vs, onnx, ort_library, monitor_log;
  std::vector<std::string> sweep, compare;
  double warmup_ms = -1, most_warmup_ms = 5000, duration_s = 3, sustain_min = 0;
  bool layers = false, on_device = false, monitor = false;
  int streams = 0, monitor_interval_ms = 200;
  std::unique_ptr<monitor::Nvml> nvml;
};

// What comes out beside the text: JSON, rows of a table, and sections of a page.
struct BenchReport {
  Json json;
  std::vector<std::vector<std::string>> rows;  // of the CSV; the first are headings
  std::vector<monitor::Finding> findings;
  std::string body;                            // HTML
  void section(const std::string& title, const std::string& html);
};

// Each prints its text and fills the report.
void bench_one(BenchOptions& options, BenchReport& report);
void bench_sweep(BenchOptions& options, BenchReport& report);
void bench_compare(BenchOptions& options, BenchReport& report);
void bench_vs_ort(BenchOptions& options, BenchReport& report);
void bench_sustain(BenchOptions& options, BenchReport& report);
void bench_gpus(BenchOptions& options, const std::vector<Gpu>& gpus, BenchReport& report);

// Loads a model, makes its context, sets its inputs: ready to run. `shapes` in place of the flags' where not empty.
void open_model(Session& session, const std::string& model, BenchOptions& options, const std::string& shapes = "");
Run runner(const Session& session);
bool on_gpu(const Session& session);

Json summary_json(const Summary& summary);
double peak_rss_mb();
std::string number(double value, int digits = 3);

// Warnings on standard output, in the JSON and on the page.
void put_findings(const std::vector<monitor::Finding>& findings, BenchReport& report);

}  // namespace sinter::tool
