#include "session/sample_model.h"

#include "session/run.h"
#include "support/model_builder.h"

namespace sinter::test {

std::string product_model() {
  ModelBuilder builder;
  builder.input("x", "f32[1,8]").output("y", "f32[1,4]");
  builder.constant("w", session::random_tensor(DType::kF32, {8, 4}, 1).value()).node("MatMul", {"x", "w"}, {"y"});
  return builder.bytes();
}

}  // namespace sinter::test
