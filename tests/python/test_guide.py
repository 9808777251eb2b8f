"""The Python blocks about TensorRT and the trtexec lines of the deployment guide in ../shared, run as they stand there, each as a script of its own in an empty folder.

A block is preceded only by names and files that it takes from elsewhere, and followed by calls of what it defines. The models are small ones with the names
and shapes that the guide speaks of. Its benchmarks of a minute take a second here, unless SINTER_GUIDE_WHOLE=1.
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

import models
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, os.environ.get("SINTER_BUILD", "build"), "bin")
GUIDE = os.path.join(os.environ.get("SINTER_SHARED", os.path.join(ROOT, "..", "shared")), "reference", "000_2ab3a6b6016a182c.txt")


def blocks():
    with open(GUIDE, encoding="utf-8") as file:
        return re.findall(r"^```python\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)


def trtexec_lines():
    """Commands of trtexec, those in comments too, continuation lines joined."""
    with open(GUIDE, encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line) for line in re.findall(r"^(?:# )?(trtexec +--.*)$", text, re.MULTILINE)]


@unittest.skipUnless(os.path.isfile(GUIDE), "../shared is not here: the Python blocks of the deployment guide")
class Guide(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.x = np.random.default_rng(2).normal(size=(1, 3, 224, 224)).astype(np.float32)

    def block(self, *marks):
        found = [block for block in blocks() if "tensorrt" in block and all(mark in block for mark in marks)]
        self.assertEqual(len(found), 1, marks)
        return found[0]

    def model(self, name, **how):
        data, weights = models.conv_net(**how)
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)
        return weights

    def run_script(self, text, failing=None):
        path = os.path.join(self.folder, "script.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([sys.executable, path], cwd=self.folder, capture_output=True, text=True, timeout=300)
        if failing:
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(failing, done.stderr.strip().splitlines()[-1])
        else:
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def build(self, batch=1):
        weights = self.model("resnet50_simplified.onnx", size=224, classes=1000, batch=batch)
        return weights, self.run_script(self.block("def build_engine_from_onnx"))

    def test_every_block_is_tried(self):
        about = [block for block in blocks() if "tensorrt" in block and "import" in block and "trt" in block]
        self.assertEqual(len(about), 7)

    def test_build(self):
        for batch in (1, "batch_size"):
            with self.subTest(batch=batch):
                out = self.build(batch)[1]
                self.assertIn("Engine saved to resnet50_fp16.engine", out)
                self.assertIn("Network inputs: 1", out)
                self.assertIn("FP16 precision enabled", out)
                self.assertGreater(os.path.getsize(os.path.join(self.folder, "resnet50_fp16.engine")), 1000)

    def test_inference(self):
        weights, _ = self.build()
        np.save(os.path.join(self.folder, "x.npy"), self.x)
        block = self.block("class TensorRTInference")
        self.assertIn("Output shape: (1, 1000)", self.run_script(block))
        self.run_script(block + "\nnp.save('y.npy', engine.infer(np.load('x.npy'))[0])\n")
        found, wanted = np.load(os.path.join(self.folder, "y.npy")), models.conv_net_values(weights, self.x)
        self.assertLess(np.abs(found - wanted).max() / np.abs(wanted).max(), 0.01)

    def test_int8(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not here: the calibrator of the deployment guide reads pictures")
        weights = self.model("m.onnx", size=224, classes=10, batch="batch_size")
        os.mkdir(os.path.join(self.folder, "pictures"))
        rng = np.random.default_rng(4)
        for index in range(11):
            Image.fromarray(rng.integers(0, 256, (40 + index, 50, 3), np.uint8)).save(os.path.join(self.folder, "pictures", f"{index}.{'png' if index % 2 else 'jpg'}"))
        block = self.block("class ImageCalibrator")
        out = self.run_script(block + "\nbuild_int8_engine('m.onnx', 'm.engine', 'pictures')\n")
        self.assertIn("Calibration images: 11", out)
        self.assertIn("Calibration cache written to calibration.cache", out)
        with open(os.path.join(self.folder, "calibration.cache"), encoding="utf-8") as file:
            self.assertRegex(file.readline(), r"^TRT-\d+-EntropyCalibration2$")
        picture = rng.random((1, 3, 224, 224)).astype(np.float32)
        import sinter
        found, wanted = sinter.load(os.path.join(self.folder, "m.engine")).infer(picture)["output"], models.conv_net_values(weights, picture)
        self.assertLess(np.abs(found - wanted).max() / np.abs(wanted).max(), 0.1)
        again = self.run_script(block + "\nbuild_int8_engine('m.onnx', 'again.engine', 'pictures')\n")
        self.assertNotIn("cache written", again)

    def test_dynamic_shapes(self):
        weights = self.model("m.onnx", size="size", batch="batch")
        build, infer = self.block("def build_dynamic_engine"), self.block("def infer_dynamic")
        self.assertIn("Dynamic engine saved", self.run_script(build + "\nbuild_dynamic_engine('m.onnx', 'm.engine')\n"))
        for shape in ((1, 3, 224, 224), (3, 3, 320, 256), (1, 3, 640, 640)):
            x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
            np.save(os.path.join(self.folder, "x.npy"), x)
            self.run_script(infer + "\nnp.save('y.npy', infer_dynamic('m.engine', np.load('x.npy')))\n")
            found, wanted = np.load(os.path.join(self.folder, "y.npy")), models.conv_net_values(weights, x)
            self.assertEqual(found.shape, wanted.shape)
            self.assertLess(np.abs(found - wanted).max() / np.abs(wanted).max(), 0.01)

    def test_benchmark(self):
        self.build()
        out = self.run_script(self.block("def benchmark_engine"))
        self.assertRegex(out, r"Throughput: [0-9.]+ FPS")

    def test_simplify_and_look(self):
        self.model("resnet50.onnx", size=224, classes=1000, batch="batch_size")
        found = [block for block in blocks() if "import onnx\n" in block and "graphsurgeon" not in block]
        self.assertEqual(len(found), 2)
        self.assertIn("Simplified model saved", self.run_script(found[0]))
        out = self.run_script(found[1])
        self.assertIn("Input: input, Shape: [0, 3, 224, 224]", out)
        self.assertIn("Conv: 2", out)

    def test_graph_surgeon(self):
        found = [block for block in blocks() if "onnx_graphsurgeon" in block]
        self.assertEqual(len(found), 1)
        import onnx
        import onnx_graphsurgeon as gs
        self.model("model.onnx", size=224, classes=10)
        path = os.path.join(self.folder, "model.onnx")
        graph = gs.import_onnx(onnx.load(path))
        relu = next(node for node in graph.nodes if node.op == "Relu")
        relu.name, relu.op = "odd", "UnsupportedOp"
        four = graph.layer(op="Mul", inputs=[np.float32(2).reshape(1), np.float32(2).reshape(1)], outputs=["four"])[0]
        graph.outputs[0] = graph.layer(op="Mul", inputs=[graph.outputs[0], four], outputs=["scaled"])[0]
        graph.outputs[0].dtype, graph.outputs[0].shape = np.float32, None
        onnx.save(gs.export_onnx(graph), path)
        self.assertIn("Replaced node: odd", self.run_script(found[0]))
        made = gs.import_onnx(onnx.load(os.path.join(self.folder, "model_modified.onnx")))
        self.assertEqual([node.op for node in made.nodes if node.name == "odd"], ["SupportedAlternative"])
        self.assertEqual([node.op for node in made.nodes].count("Mul"), 1)  # 2 * 2 is folded
        self.assertEqual(made.tensors()["four"].values.tolist(), [4])

    def test_tegrastats(self):
        """The shell block beside a benchmark, and the parser's block on every line that it wrote."""
        with open(GUIDE, encoding="utf-8") as file:
            shell = [block for block in re.findall(r"^```bash\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL) if "tegrastats --interval" in block]
        parser = [block for block in blocks() if "def parse_tegrastats_line" in block]
        self.assertEqual((len(shell), len(parser)), (1, 1))
        if not os.path.exists(os.path.join(BIN, "tegrastats")):
            self.skipTest("build/bin/tegrastats was not built: the deployment guide's block about tegrastats")
        with open(os.path.join(self.folder, "benchmark.py"), "w", encoding="utf-8") as file:
            file.write("import time\ntime.sleep(2.5)\n")
        environment = {**os.environ, "PATH": BIN + os.pathsep + os.environ["PATH"]}
        done = subprocess.run(["bash", "-m", "-c", shell[0]], cwd=self.folder, capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.folder, "tegrastats.log"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertGreaterEqual(len(lines), 2)
        names = {}
        exec(parser[0], names)  # the guide's own function
        for line in lines:
            metrics = names["parse_tegrastats_line"](line)
            self.assertGreater(metrics["ram_total_mb"], metrics["ram_used_mb"])

    def test_trtexec_lines(self):
        lines = trtexec_lines()
        self.assertEqual(len(lines), 10)
        for name in ("resnet50_simplified", "resnet50", "model", "yolov8n"):
            self.model(f"{name}.onnx", size=224, classes=10, batch="batch_size" if name == "model" else 1)
        import sinter
        np.save(os.path.join(self.folder, "x.npy"), self.x)
        sinter.calibrate(os.path.join(self.folder, "resnet50_simplified.onnx"), calib_data=os.path.join(self.folder, "x.npy"), calib_cache=os.path.join(self.folder, "calibration.cache"))
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        # What a line loads, another one has saved; `model.engine` is named by none.
        for line in sorted(lines, key=lambda line: "--loadEngine" in line):
            if not os.environ.get("SINTER_GUIDE_WHOLE"):
                line = line.replace("--duration=60", "--duration=1").replace("--warmUp=5000", "--warmUp=50")
            with self.subTest(line=line):
                line = line.replace("=model.engine", "=model_fp16.engine")
                done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)
                self.assertEqual(done.returncode, 0, done.stdout[-1000:] + done.stderr[-1000:])
                self.assertIn("&&&& PASSED", done.stdout)

    def test_clean_up(self):
        names = ("import tensorrt as trt\nbuilder = trt.Builder(trt.Logger())\nengine = trt.Runtime(trt.Logger()).deserialize_cuda_engine(open('resnet50_fp16.engine', 'rb').read())\n"
                 "context = engine.create_execution_context()\n")
        self.build()
        self.run_script(names + self.block("gc.collect()"), failing="tegrastats")


if __name__ == "__main__":
    unittest.main()
