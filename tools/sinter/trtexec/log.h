// trtexec's console: lines with time and severity, the first and the last line that scripts look for.
#pragma once

#include <string>

namespace sinter::tool::trtexec {

enum class Severity : char { kError = 'E', kWarning = 'W', kInfo = 'I', kVerbose = 'V' };

class Log {
 public:
  // The command line without the program's folder, for the first and the last line.
  Log(int generation, std::string command) : generation_(generation), command_(std::move(command)) {}
  void set_generation(int generation) { generation_ = generation; }
  void set_verbose(bool verbose) { verbose_ = verbose; }
  // Errors and warnings go to standard error, the rest to standard output; each line of the text has the prefix.
  void say(Severity severity, const std::string& text) const;
  void info(const std::string& text) const { say(Severity::kInfo, text); }
  void warn(const std::string& text) const { say(Severity::kWarning, text); }
  // "&&&& RUNNING TensorRT.trtexec [TensorRT v101600] [b0] # trtexec --onnx=m.onnx"
  void running() const;
  int passed() const;  // exit code 0
  int failed() const;  // exit code 1
  // "10.16.0"
  std::string version() const;

 private:
  std::string tag(const char* word) const;
  int generation_;
  std::string command_;
  bool verbose_ = false;
};

// As a stream prints it: six significant digits.
std::string number(double value);

}  // namespace sinter::tool::trtexec
