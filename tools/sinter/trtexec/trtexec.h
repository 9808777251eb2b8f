// `trtexec`, and `sinter trtexec`: TensorRT's command line over Sinter.
#pragma once

namespace sinter::tool {

// The whole command, arguments without the program's name. Exit code 0 or 1, and a last line that says PASSED or FAILED.
int run_trtexec(int argc, char** argv);

}  // namespace sinter::tool
