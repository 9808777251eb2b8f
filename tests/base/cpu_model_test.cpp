#include "base/cpu_model.h"

#include <gtest/gtest.h>

#include <sstream>

namespace sinter {
namespace {

std::string model_in(const std::string& text) {
  std::istringstream in(text);
  return cpu_model(in);
}

TEST(CpuModel, X86SaysItsName) {
  EXPECT_EQ(model_in("processor\t: 0\nvendor_id\t: X\nmodel\t\t: 17\nmodel name\t: Some CPU @ 2.0 GHz: fast\n"), "Some CPU @ 2.0 GHz: fast");
}

TEST(CpuModel, ArmSaysImplementerAndPart) {
  const std::string orin = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd42\n";
  EXPECT_EQ(model_in(orin + orin), "Cortex-A78AE");
  EXPECT_EQ(model_in("CPU implementer : 0x41\nCPU part : 0xd05\n\nCPU implementer : 0x41\nCPU part : 0xd0b\n"), "Cortex-A55 + Cortex-A76");
  EXPECT_EQ(model_in("CPU implementer\t: 0x4e\nCPU part\t: 0x004\n"), "Arm core 0x4e:0x004");
}

TEST(CpuModel, OtherTextsNameNone) {
  for (const char* text : {"", "model name", "model name\t:\n", "CPU part without a colon\n", ":\n:::\nCPU implementer\t: 0x41\n"}) EXPECT_EQ(model_in(text), "") << text;
}

}  // namespace
}  // namespace sinter
