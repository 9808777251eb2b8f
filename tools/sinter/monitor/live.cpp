#include "live.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common.h"
#include "machine.h"
#include "tegrastats.h"
#include "view.h"

namespace sinter::tool::monitor {
namespace {

volatile std::sig_atomic_t ended = 0;
void end(int) { ended = 1; }

// Each running instance has a file of its number in a folder of the user's, which --stop reads.
std::string folder_of_instances() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string user = std::to_string(geteuid());
  const std::string folder = runtime && *runtime ? std::string(runtime) + "/sinter-monitor" : "/tmp/sinter-monitor-" + user;
  mkdir(folder.c_str(), 0700);
  struct stat info;
  if (lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 022)) {
    throw Failure{"'" + folder + "': found no folder of this user's own, expected one that only it writes to; remove it, or set XDG_RUNTIME_DIR"};
  }
  return folder;
}

// When a process began, so that its number taken by another one later is not mistaken for it; "" when there is none.
std::string beginning_of(const std::string& pid) {
  const std::string text = text_of_file("/proc/" + pid + "/stat");
  size_t at = text.rfind(')');
  for (int column = 2; at != text.npos && column < 22; ++column) at = text.find(' ', at + 1);
  return at == text.npos ? "" : text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

class Instance {
 public:
  Instance() : path_(folder_of_instances() + "/" + std::to_string(getpid())) { write_text(path_, beginning_of(std::to_string(getpid())) + "\n"); }
  ~Instance() { unlink(path_.c_str()); }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

 private:
  std::string path_;
};

void stop_instances() {
  const std::string folder = folder_of_instances();
  int stopped = 0;
  for (const std::string& name : names_in(folder)) {
    const int pid = std::atoi(name.c_str());
    const std::string path = folder + "/" + name, began = text_of_file(path);
    if (pid > 1 && !began.empty() && began == beginning_of(name) && kill(pid, SIGTERM) == 0) {
      ++stopped;
      for (int i = 0; i < 200 && kill(pid, 0) == 0 && !text_of_file(path).empty(); ++i) usleep(10000);
    }
    unlink(path.c_str());
  }
  std::fprintf(stderr, stopped == 0 ? "nothing was running\n" : "stopped %d\n", stopped);
}

// The parent ends with exit code 0 once the child is on its way.
void go_to_background() {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw Failure{std::string("can't start a process: ") + std::strerror(errno)};
  if (child > 0) _exit(0);
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; null >= 0 && fd < 3; ++fd) dup2(null, fd);
}

int terminal_columns() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

// Interruptible; a moment on the clock, so that intervals do not add up what a reading takes.
void sleep_until(std::chrono::steady_clock::time_point moment) {
  while (!ended) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(moment - std::chrono::steady_clock::now()).count();
    if (left <= 0) return;
    usleep(static_cast<useconds_t>(std::min<long>(left, 100000)));
  }
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

void run_live(const LiveOptions& options) {
  if (options.stop) return stop_instances();
  std::unique_ptr<std::FILE, CloseFile> file;
  if (!options.logfile.empty()) {
    file.reset(std::fopen(options.logfile.c_str(), "a"));
    if (!file) throw Failure{"'" + options.logfile + "': can't be written (" + std::strerror(errno) + "); choose a place this user may write to"};
  }
  if (options.start) go_to_background();
  const Instance instance;
  struct sigaction action {};
  action.sa_handler = end;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  const auto nvml = Nvml::open();
  Machine machine(system_root(), nvml.get());
  auto moment = std::chrono::steady_clock::now();
  for (long done = 0; !ended && (options.count == 0 || done < options.count); ++done) {
    moment += std::chrono::milliseconds(options.interval_ms);
    sleep_until(moment);
    if (ended) break;
    const Sample sample = machine.read();
    const std::string line = tegrastats_line(sample) + "\n";
    std::FILE* const out = file ? file.get() : stdout;
    if (file || !options.view) std::fwrite(line.data(), 1, line.size(), out);
    if (options.view) std::printf("\x1b[H\x1b[J%s\nCtrl-C ends\n", view_text(sample, terminal_columns()).c_str());
    if (std::fflush(out) != 0 || std::fflush(stdout) != 0) {
      throw Failure{"'" + (file ? options.logfile : "standard output") + "': can't be written (" + std::strerror(errno) + "); choose a place with space left"};
    }
  }
}

}  // namespace sinter::tool::monitor
