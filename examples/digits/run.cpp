// Recognises handwritten digits: a whole program over Sinter's public interface.
//
//   digits [--model FILE] [--images FOLDER] [--threads N]
//
// FILE is an engine made by `sinter build`, or the .onnx itself, which is then built first (default: digits.onnx of FOLDER). FOLDER has
// labels.csv, lines of `file,label`, and the PNG files that it names. Prints accuracy against the labels, and latency one image at a time.
#include <spng.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <sinter/sinter.hpp>

namespace {

constexpr int kSide = 8;  // of an image, in pixels

struct Sample {
  std::string file;
  int label = 0;
  std::vector<float> pixels;  // [kSide,kSide] in [0,1]
};

std::vector<unsigned char> read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("can't read '" + path + "'");
  return std::vector<unsigned char>(std::istreambuf_iterator<char>(stream), {});
}

std::vector<float> read_png(const std::string& path) {
  const std::vector<unsigned char> bytes = read_file(path);
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> png(spng_ctx_new(0), spng_ctx_free);
  spng_ihdr header{};
  int error = spng_set_png_buffer(png.get(), bytes.data(), bytes.size());
  if (!error) error = spng_get_ihdr(png.get(), &header);
  if (!error && (header.width != kSide || header.height != kSide || header.color_type != SPNG_COLOR_TYPE_GRAYSCALE)) {
    throw std::runtime_error("'" + path + "' is " + std::to_string(header.width) + " x " + std::to_string(header.height) +
                             " pixels; expected 8 x 8 grey ones");
  }
  unsigned char grey[kSide * kSide];
  if (!error) error = spng_decode_image(png.get(), grey, sizeof grey, SPNG_FMT_G8, 0);
  if (error) throw std::runtime_error("'" + path + "': " + spng_strerror(error));
  std::vector<float> pixels(grey, grey + sizeof grey);
  for (float& pixel : pixels) pixel /= 255.0f;
  return pixels;
}

std::vector<Sample> read_samples(const std::string& folder) {
  const std::string path = folder + "/labels.csv";
  std::ifstream rows(path);
  if (!rows) throw std::runtime_error("can't read '" + path + "'");
  std::vector<Sample> samples;
  std::string line;
  std::getline(rows, line);  // the heading
  while (std::getline(rows, line)) {
    const size_t comma = line.find(',');
    if (comma == std::string::npos) throw std::runtime_error("'" + path + "': expected 'file,label', found '" + line + "'");
    Sample sample;
    sample.file = line.substr(0, comma);
    sample.label = std::atoi(line.c_str() + comma + 1);
    sample.pixels = read_png(folder + "/" + sample.file);
    samples.push_back(std::move(sample));
  }
  if (samples.empty()) throw std::runtime_error("'" + path + "' names no images");
  return samples;
}

void show(const Sample& sample) {
  for (int row = 0; row < kSide; ++row) {
    std::printf("   ");
    for (int column = 0; column < kSide; ++column) {
      const char ink = " .:-=+*%@#"[static_cast<int>(sample.pixels[row * kSide + column] * 9.99f)];
      std::printf("%c%c", ink, ink);
    }
    std::printf("\n");
  }
}

int run(const std::string& model, const std::string& images, int threads) {
  const std::vector<Sample> samples = read_samples(images);

  sinter::BuildOptions options;
  options.threads = threads;
  options.shapes = "image:1x1x8x8";
  const sinter::Engine engine = sinter::load_or_build(model, options);
  sinter::ExecutionContext context(engine, threads);

  int right = 0;
  std::vector<double> microseconds;
  std::vector<std::string> mistakes;
  for (const Sample& sample : samples) {
    context.set_input("image", sample.pixels.data(), {1, 1, kSide, kSide});
    const auto begin = std::chrono::steady_clock::now();
    context.execute();
    microseconds.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
    const std::vector<float> scores = context.output("scores").to_vector<float>();
    const int answer = static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
    if (&sample == &samples.front()) {
      show(sample);
      std::printf("%s: read as %d, labelled %d\n\n", sample.file.c_str(), answer, sample.label);
    }
    if (answer == sample.label) {
      ++right;
    } else {
      mistakes.push_back(sample.file + " (" + std::to_string(sample.label) + " read as " + std::to_string(answer) + ")");
    }
  }

  const int count = static_cast<int>(samples.size());
  std::printf("accuracy: %d of %d right, %.1f %%\n", right, count, 100.0 * right / count);
  for (const std::string& mistake : mistakes) std::printf("  wrong: %s\n", mistake.c_str());
  std::sort(microseconds.begin(), microseconds.end());
  std::printf("latency of one image on %d thread(s): median %.1f us, 95th percentile %.1f us\n", context.threads(),
              microseconds[count / 2], microseconds[count * 95 / 100]);
  return right * 100 >= count * 95 ? 0 : 1;  // the network has 97.7 %: fewer than 95 means that something is broken
}

}  // namespace

int main(int argc, char** argv) {
  std::string model, images = "examples/digits";
  int threads = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (i + 1 < argc && argument == "--model") {
      model = argv[++i];
    } else if (i + 1 < argc && argument == "--images") {
      images = argv[++i];
    } else if (i + 1 < argc && argument == "--threads") {
      threads = std::atoi(argv[++i]);
    } else {
      std::fprintf(argument == "--help" ? stdout : stderr, "usage: digits [--model FILE.(engine|onnx)] [--images FOLDER] [--threads N]\n");
      return argument == "--help" ? 0 : 2;
    }
  }
  try {
    return run(model.empty() ? images + "/digits.onnx" : model, images, threads);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "digits: %s\n", error.what());
    return 1;
  }
}
