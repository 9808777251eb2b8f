// A stand-in for NVRTC: compiles kernel texts with the C++ compiler and the mock's device.h and tensor_core.h into a
// shared object, which the mock driver loads as if it were a cubin, or compiles as if it were PTX.
// SINTER_MOCK_NVRTC_VERSION: 12000 by default, for CUDA 12.0. Made objects are kept in the temporary folder by the hash
// of all that went in.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

struct Program {
  std::string text, name;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string log, object, ptx;
};

int version() {
  const char* text = std::getenv("SINTER_MOCK_NVRTC_VERSION");
  return text ? std::atoi(text) : 12000;
}

// As the mock driver reads it.
struct Image {
  char magic[8] = {'S', 'I', 'N', 'T', 'E', 'R', 'M', 'O'};
  int sm = 0, toolkit = 0;
  unsigned long long bytes = 0;
};

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

fs::path cache_folder() {
  fs::path folder = fs::temp_directory_path() / ("sinter_mock_cuda_" + std::to_string(getuid()));
  fs::create_directories(folder);
  return folder;
}

// FNV-1a.
std::string digest(const std::string& text) {
  unsigned long long hash = 1469598103934665603ull;
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  char buffer[20];
  std::snprintf(buffer, sizeof buffer, "%016llx", hash);
  return buffer;
}

// With SINTER_MOCK_KEEP=FOLDER every text that compiles is also written there, for scripts/check_kernels; not those that tests wrote for the
// mock alone (they name something of its own, mock_…).
void keep(const Program& program, const std::vector<std::string>& options) {
  const char* folder = std::getenv("SINTER_MOCK_KEEP");
  if (!folder) return;
  std::string lines, generated;
  for (const std::string& option : options) {
    if (option.rfind("-D", 0) == 0) lines += option + "\n";
  }
  for (const auto& [name, text] : program.headers) generated = name == "generated.h" ? text : generated;
  if (generated.find("mock_") != std::string::npos) return;
  const fs::path to = fs::path(folder) / (program.name + "." + digest(program.name + lines + generated));
  fs::create_directories(to);
  std::ofstream(to / "options") << lines;
  std::ofstream(to / "generated.h") << generated;
}

bool compile(Program& program, const std::vector<std::string>& options) {
  std::string defines, all = program.text + MOCK_COMPILER;
  for (const std::string& option : options) {
    if (option.rfind("-D", 0) == 0) defines += " '" + option + "'";
  }
  all += defines;
  // The mock's own headers take the place of those that speak to the device.
  for (auto& [name, text] : program.headers) {
    if (name == "device.h" || name == "tensor_core.h") text = read_file(fs::path(MOCK_FOLDER) / name);
    all += name + text;
  }
  const fs::path made = cache_folder() / (digest(all) + ".so");
  if (!fs::exists(made)) {
    const std::string unique = digest(all) + "_" + std::to_string(getpid()) + "_" + std::to_string(reinterpret_cast<uintptr_t>(&program));
    const fs::path work = cache_folder() / unique;
    fs::create_directories(work);
    for (const auto& [name, text] : program.headers) std::ofstream(work / name) << text;
    std::ofstream(work / program.name) << program.text;
    const std::string command = std::string(MOCK_COMPILER) + " -x c++ -std=c++20 -O1 -ffp-contract=off -fno-strict-aliasing -shared -fPIC -fvisibility=hidden -w -I'" +
                                work.string() + "'" + defines + " '" + (work / program.name).string() + "' -o '" + (work / "made.so").string() + "' 2>'" +
                                (work / "log").string() + "'";
    const int result = std::system(command.c_str());
    program.log = read_file(work / "log");
    std::error_code error;
    if (result == 0) fs::rename(work / "made.so", made, error);
    fs::remove_all(work, error);
    if (result != 0) return false;
  }
  const std::string object = read_file(made);
  Image image;
  image.toolkit = version();
  image.bytes = object.size();
  bool ptx = false;
  for (const std::string& option : options) {
    const size_t at = option.find("--gpu-architecture=");
    if (at != 0) continue;
    const std::string name = option.substr(option.find('=') + 1);
    ptx = name.rfind("compute_", 0) == 0;
    image.sm = std::atoi(name.substr(name.find('_') + 1).c_str());
  }
  program.object = std::string(reinterpret_cast<const char*>(&image), sizeof image) + object;
  // Later compilers say a later version of the language, whatever they use, and add hints of it.
  const int ptx_minor = version() % 1000 / 10;
  if (ptx)
    program.ptx = ".version " + std::string(version() >= 13000 ? "9." : "8.") + std::to_string(ptx_minor) +
                  "\n.target sm_" + std::to_string(image.sm) + "\n" + (version() >= 13000 ? "\t.pragma \"used_bytes_mask 0xfff\";\n" : "") + program.object;
  return true;
}

std::mutex compiling;

}  // namespace

#define MOCK_API extern "C" __attribute__((visibility("default")))

MOCK_API int nvrtcVersion(int* major, int* minor) {
  *major = version() / 1000;
  *minor = version() % 1000 / 10;
  return 0;
}
MOCK_API const char* nvrtcGetErrorString(int result) { return result == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_SUCCESS"; }
MOCK_API int nvrtcCreateProgram(Program** program, const char* text, const char* name, int count, const char* const* texts, const char* const* names) {
  *program = new Program{text, name, {}, {}, {}, {}};
  for (int i = 0; i < count; ++i) (*program)->headers.emplace_back(names[i], texts[i]);
  return 0;
}
MOCK_API int nvrtcDestroyProgram(Program** program) {
  delete *program;
  *program = nullptr;
  return 0;
}
MOCK_API int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
  const std::lock_guard lock(compiling);
  const std::vector<std::string> all(options, options + count);
  if (!compile(*program, all)) return 6;
  keep(*program, all);
  return 0;
}
MOCK_API int nvrtcGetProgramLogSize(Program* program, size_t* bytes) {
  *bytes = program->log.size() + 1;
  return 0;
}
MOCK_API int nvrtcGetProgramLog(Program* program, char* log) {
  std::memcpy(log, program->log.c_str(), program->log.size() + 1);
  return 0;
}
MOCK_API int nvrtcGetPTXSize(Program* program, size_t* bytes) {
  *bytes = program->ptx.size() + 1;
  return 0;
}
MOCK_API int nvrtcGetPTX(Program* program, char* ptx) {
  std::memcpy(ptx, program->ptx.c_str(), program->ptx.size() + 1);
  return 0;
}
MOCK_API int nvrtcGetCUBINSize(Program* program, size_t* bytes) {
  *bytes = program->object.size();
  return 0;
}
MOCK_API int nvrtcGetCUBIN(Program* program, char* cubin) {
  std::memcpy(cubin, program->object.data(), program->object.size());
  return 0;
}
