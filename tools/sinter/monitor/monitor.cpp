// sinter monitor (also under the name tegrastats): figures of this machine while something runs; parse turns a log of them into JSON, CSV and charts.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "common.h"
#include "live.h"
#include "log.h"
#include "monitor.h"
#include "usage.h"

namespace sinter::tool {
namespace {

using namespace monitor;

constexpr size_t kShownLines = 10;  // malformed lines on standard error; the JSON has all

std::string read_log(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.is_open() || in.bad()) throw Failure{"'" + path + "': can't be read; give a file that tegrastats or 'sinter monitor --logfile' wrote, or - for standard input"};
  return text;
}

void put(const std::string& path, const std::string& text) {
  if (path == "-") std::fwrite(text.data(), 1, text.size(), stdout);
  else write_text(path, text);
}

struct ParseState {
  std::string file, json, csv, html, svg;
};

void parse_file(const ParseState& state) {
  const Log log = parse_tegrastats_log(read_log(state.file));
  if (!state.csv.empty()) put(state.csv, log_csv(log));
  if (!state.html.empty()) put(state.html, log_html(log, state.file));
  if (!state.svg.empty()) put(state.svg, log_svg(log));
  const bool other = !state.csv.empty() || !state.html.empty() || !state.svg.empty();
  if (!state.json.empty() || !other) put(state.json.empty() ? "-" : state.json, log_json(log, state.file));
  for (size_t i = 0; i < log.malformed.size() && i < kShownLines; ++i) {
    std::fprintf(stderr, "warning: %s:%zu: %s\n", state.file.c_str(), log.malformed[i].line, log.malformed[i].problem.c_str());
  }
  if (!log.malformed.empty()) std::fprintf(stderr, "warning: %s: %zu of %zu lines are malformed\n", state.file.c_str(), log.malformed.size(), log.lines);
}

struct LiveState {
  LiveOptions options;
  bool verbose = false, read_all = false, lines = false;
};

void add_live_options(CLI::App& command, const std::shared_ptr<LiveState>& state) {
  command.add_option("--interval", state->options.interval_ms, "ms between samples (default: 1000)")->check(CLI::Range(1, 86400000));
  command.add_option("--logfile", state->options.logfile, "append the lines to this file instead of printing them");
  command.add_option("--count", state->options.count, "end after N samples")->check(CLI::PositiveNumber);
  CLI::Option* start = command.add_flag("--start", state->options.start, "go on in the background; with --logfile");
  command.add_flag("--stop", state->options.stop, "end what this user has running")->excludes(start);
}

void run_state(const LiveState& state) {
  if (state.options.start && state.options.logfile.empty()) throw CLI::ValidationError("--start: nobody would see the lines; add --logfile FILE");
  run_live(state.options);
}

}  // namespace

void add_monitor(CLI::App& app) {
  CLI::App* command = add_command(app, "monitor", "Memory, loads, clocks, temperatures and power, live or from logs of tegrastats.",
                                  "  sinter monitor\n  sinter monitor --interval 500 --logfile run.log --start\n  sinter monitor --stop\n"
                                  "  sinter monitor parse run.log --csv figures.csv --html figures.html");
  command->require_subcommand(0, 1);
  auto live = std::make_shared<LiveState>();
  add_live_options(*command, live);
  command->add_flag("--lines", live->lines, "tegrastats' lines, as when the output is no terminal, instead of the view");
  command->callback([command, live] {
    if (!command->get_subcommands().empty()) return;
    live->options.view = !live->lines && !live->options.start && isatty(STDOUT_FILENO) != 0;
    run_state(*live);
  });
  auto state = std::make_shared<ParseState>();
  CLI::App* parse = command->add_subcommand("parse", "Turns a log of tegrastats (JetPack 4, 5, 6) or of this command into JSON, CSV or charts.");
  parse->add_option("FILE", state->file, "the log; - for standard input")->required();
  parse->add_option("--json", state->json, "write JSON there; - for standard output (the default when nothing else is written)");
  parse->add_option("--csv", state->csv, "write a row a sample");
  parse->add_option("--html", state->html, "write a page of charts");
  parse->add_option("--svg", state->svg, "write the charts alone");
  parse->callback([state] { parse_file(*state); });
}

int run_tegrastats(int argc, char** argv) {
  CLI::App app("Prints memory, loads, clocks, temperatures and power of this machine, a line each interval.", "tegrastats");
  const auto live = std::make_shared<LiveState>();
  add_live_options(app, live);
  app.add_flag("--readall", live->read_all, "accepted: whatever this user may read is read anyway");
  app.add_flag("--verbose", live->verbose, "accepted: there is nothing more to say");
  try {
    app.parse(argc, argv);
    run_state(*live);
    return kDone;
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s\n", usage_message(app, error).c_str());
    return kUsage;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "tegrastats: %s\n", failure.message.c_str());
    return kFailed;
  }
}

}  // namespace sinter::tool
