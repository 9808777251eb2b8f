// Status and Result<T>: how every fallible function of Sinter reports failure. No exception crosses a library boundary.
//
// A message has four parts: where · what was found · what was expected · what to do. Layers above add to the trail
// ("while importing 'm.onnx'") and never rewrite the cause.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sinter {

enum class Code : int {
  kOk = 0,
  kInvalidArgument,   // the caller's value is wrong
  kInvalidModel,      // the file is no valid ONNX model
  kInvalidEngine,     // the file is no valid engine (damaged, truncated, wrong format version)
  kUnsupported,       // valid, but Sinter can't do it
  kNotFound,          // a file or a name does not exist
  kIo,                // the operating system refused (disk full, permissions)
  kOutOfMemory,       // memory or a stated budget is spent
  kTargetMismatch,    // the engine was built for another machine
  kCancelled,         // the caller asked to stop
  kInternal,          // a bug in Sinter
};

std::string_view code_name(Code code);

// Cheap to move; ok() statuses own nothing. Not thread-safe as an object, like std::string.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : rep_(std::make_unique<Rep>(Rep{code, std::move(message), {}})) {}
  Status(Status&&) = default;
  Status& operator=(Status&&) = default;
  Status(const Status& other) : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}
  Status& operator=(const Status& other) { return *this = Status(other); }

  bool ok() const { return rep_ == nullptr; }
  explicit operator bool() const = delete;
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  const std::string& message() const;
  const std::vector<std::string>& trail() const;

  // Adds one line of context, innermost first: "while importing 'm.onnx'".
  Status&& with(std::string context) &&;
  // Message and trail in one text, for people.
  std::string to_string() const;

 private:
  struct Rep {
    Code code;
    std::string message;
    std::vector<std::string> trail;
  };
  std::unique_ptr<Rep> rep_;
};

inline Status ok_status() { return {}; }

template <typename... Args>
Status make_error(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return Status(code, fmt::format(format, std::forward<Args>(args)...));
}

// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}              // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}      // NOLINT
  bool ok() const { return value_.has_value(); }
  const Status& status() const& { return status_; }
  Status&& status() && { return std::move(status_); }
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return std::move(*value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

#define SINTER_CONCAT_INNER(a, b) a##b
#define SINTER_CONCAT(a, b) SINTER_CONCAT_INNER(a, b)

// Returns the status from the enclosing function when it is not ok.
#define SINTER_TRY(expr)                                  \
  do {                                                    \
    ::sinter::Status sinter_status_ = (expr);             \
    if (!sinter_status_.ok()) return sinter_status_;      \
  } while (false)

// SINTER_ASSIGN(auto x, f()): declares x from a Result, or returns its status.
#define SINTER_ASSIGN(decl, expr) SINTER_ASSIGN_IMPL(SINTER_CONCAT(sinter_result_, __COUNTER__), decl, expr)
#define SINTER_ASSIGN_IMPL(tmp, decl, expr)               \
  auto tmp = (expr);                                      \
  if (!tmp.ok()) return std::move(tmp).status();          \
  decl = std::move(tmp).value()

}  // namespace sinter
