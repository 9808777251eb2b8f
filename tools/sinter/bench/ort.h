// ONNX Runtime, opened at run time where it is installed: the same model on the same inputs with as many threads, on the CPU.
#pragma once

#include <memory>
#include <string>

#include "session.h"

namespace sinter::tool {

class OrtPeer {
 public:
  // `library`: its path, or "" to look in SINTER_ORT_LIBRARY, the system's folders, Python's and Node's packages. Throws Failure.
  OrtPeer(const std::string& model, const Session& session, const std::string& library);
  ~OrtPeer();
  void run();
  const std::string& version() const { return version_; }
  const std::string& library() const { return library_; }
  double load_ms() const { return load_ms_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string version_, library_;
  double load_ms_ = 0;
};

}  // namespace sinter::tool
