#include "base/status.h"

namespace sinter {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalidArgument: return "invalid argument";
    case Code::kInvalidModel: return "invalid model";
    case Code::kInvalidEngine: return "invalid engine";
    case Code::kUnsupported: return "unsupported";
    case Code::kNotFound: return "not found";
    case Code::kIo: return "i/o error";
    case Code::kOutOfMemory: return "out of memory";
    case Code::kTargetMismatch: return "target mismatch";
    case Code::kCancelled: return "cancelled";
    case Code::kInternal: return "internal error";
  }
  return "unknown";
}

const std::string& Status::message() const {
  static const std::string kEmpty;
  return rep_ ? rep_->message : kEmpty;
}

const std::vector<std::string>& Status::trail() const {
  static const std::vector<std::string> kEmpty;
  return rep_ ? rep_->trail : kEmpty;
}

Status&& Status::with(std::string context) && {
  if (rep_) rep_->trail.push_back(std::move(context));
  return std::move(*this);
}

std::string Status::to_string() const {
  if (ok()) return "ok";
  std::string text = rep_->message;
  for (const std::string& line : rep_->trail) text += "\n  " + line;
  return text;
}

}  // namespace sinter
