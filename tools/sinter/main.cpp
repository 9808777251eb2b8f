// sinter: the command line over the C interface.
#include <cstdio>
#include <cstring>

#include "bench/checklist.h"
#include "common.h"
#include "monitor/monitor.h"
#include "trtexec/trtexec.h"
#include "usage.h"

namespace {

void print_log(void*, sinter_severity severity, const char* message) {
  std::fprintf(stderr, "%s%s\n", severity == SINTER_LOG_WARNING ? "warning: " : "", message);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sinter::tool;
  const char* const slash = std::strrchr(argv[0], '/');
  const char* const name = slash ? slash + 1 : argv[0];
  if (std::strcmp(name, "trtexec") == 0) return run_trtexec(argc - 1, argv + 1);
  if (std::strcmp(name, "tegrastats") == 0) return run_tegrastats(argc, argv);
  if (argc > 1 && std::strcmp(argv[1], "trtexec") == 0) return run_trtexec(argc - 2, argv + 2);
  CLI::App app("Turns an ONNX model into an engine tuned for this machine, and runs it.", "sinter");
  app.set_version_flag("--version", std::string("sinter ") + sinter_version());
  app.require_subcommand(1);
  app.footer("exit codes: 0 done, 1 the work failed, 2 usage\n\nexamples:\n  sinter build model.onnx -o model.engine\n  sinter bench model.engine");
  add_build(app);
  add_retune(app);
  add_sign(app);
  add_run(app);
  add_bench(app);
  add_inspect(app);
  add_check(app);
  add_operators(app);
  add_tactics(app);
  add_conformance(app);
  add_doctor(app);
  add_cache(app);
  add_calibrate(app);
  add_eval(app);
  add_compare(app);
  add_debug(app);
  add_simplify(app);
  add_surgeon(app);
  add_checklist(app);
  add_zoo(app);
  add_memory(app);
  add_monitor(app);
  sinter_set_log_sink(print_log, nullptr);
  try {
    check_command(app, argc, argv);
    app.parse(argc, argv);
    return kDone;
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s\n", usage_message(app, error).c_str());
    return kUsage;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "sinter: %s\n", failure.message.c_str());
    return kFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sinter: %s\n", error.what());
    return kFailed;
  }
}
