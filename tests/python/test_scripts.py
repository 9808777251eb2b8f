"""Deployment scripts of our own (tests/python/scripts), each in a process of its own, for several generations of TensorRT's interface."""
import os
import subprocess
import sys
import tempfile
import unittest

import models
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


class Scripts(unittest.TestCase):
    def run_script(self, name, *arguments, generation="10", **environment):
        done = subprocess.run([sys.executable, os.path.join(HERE, "scripts", name), *arguments], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "SINTER_TRT_COMPAT": generation, **environment})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout.strip().splitlines()

    def test_export_of_a_detector(self):
        for flags in ([], ["--half"], ["--int8"], ["--dynamic"], ["--dynamic", "--int8"]):
            for generation in ("8", "10"):
                with self.subTest(flags=flags, generation=generation), tempfile.TemporaryDirectory() as folder:
                    dynamic = "--dynamic" in flags
                    model, weights = models.conv_net(size="size" if dynamic else 16)
                    path = os.path.join(folder, "m.onnx")
                    with open(path, "wb") as file:
                        file.write(model)
                    lines = self.run_script("export_yolo.py", path, os.path.join(folder, "m.engine"), *flags, generation=generation)
                    x = np.random.default_rng(1).normal(size=(1, 3, 24, 16) if dynamic else (1, 3, 16, 16)).astype(np.float32)
                    wanted = float(np.abs(models.conv_net_values(weights, x)).sum())
                    self.assertLess(abs(float(lines[-1]) - wanted) / wanted, 0.05)
                    self.assertEqual(os.path.exists(os.path.join(folder, "m.cache")), "--int8" in flags)


if __name__ == "__main__":
    unittest.main()
