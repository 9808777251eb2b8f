// tegrastats: the third name of the program.
#pragma once

namespace sinter::tool {

// With the program's arguments as main has them. Returns the exit code.
int run_tegrastats(int argc, char** argv);

}  // namespace sinter::tool
