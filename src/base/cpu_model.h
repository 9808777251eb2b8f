// The processor's name in /proc/cpuinfo's text.
#pragma once

#include <istream>
#include <string>

namespace sinter {

// "model name" where there is one, as on x86-64; else Arm's core by implementer and part, "Cortex-A78AE" or "Arm core 0x41:0xd42". Of several
// kinds of cores all, in the order of the text: "Cortex-A55 + Cortex-A76". "": the text names none.
std::string cpu_model(std::istream& cpuinfo);

}  // namespace sinter
