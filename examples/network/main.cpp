// A network made in code: two layers that add up the brightness of the halves of a picture, saved as ONNX, built and run.
//
//   network [FILE.onnx]
#include <cstdio>
#include <exception>
#include <vector>

#include <sinter/network.hpp>

int main(int argc, char** argv) {
  try {
    sinter::Network net("halves");
    sinter::NetworkTensor picture = net.add_input("picture", SINTER_F32, {-1, 1, 4, 4}, {"batch"});
    // One window of 4 x 2 a half, side by side.
    sinter::NetworkTensor halves = net.add_convolution(picture, std::vector<float>(8, 1.0f), {1, 1, 4, 2}, {}, {{1, 2}}, "sum");
    net.mark_output(net.add_softmax(net.add_relu(halves), -1, "share"), "share");
    std::printf("share: %s\n", net.find("share").type().c_str());
    if (argc > 1) net.save(argv[1]);

    sinter::ExecutionContext context(net.build());
    std::vector<float> pixels(16, 0.5f);
    pixels[2] = 1;  // the right half is brighter
    context.set_input("picture", pixels.data(), {1, 1, 4, 4});
    context.execute();
    const float* share = context.output("share").data<float>();
    std::printf("left %.3f, right %.3f\n", share[0], share[1]);
    return share[1] > share[0] ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "network: %s\n", error.what());
    return 1;
  }
}
