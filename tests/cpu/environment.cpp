#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new EveryTacticRan);

}  // namespace
}  // namespace sinter::testing
