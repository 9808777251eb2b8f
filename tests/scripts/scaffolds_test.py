#!/usr/bin/python3
"""What scripts/new-op, new-pass and new-tactic write compiles as it is, and keeps scripts/check_names content."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Scaffolds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for part in ("src", "scripts"):
            shutil.copytree(ROOT / part, self.root / part)

    def run_script(self, *args):
        result = subprocess.run([sys.executable, self.root / "scripts" / args[0], *args[1:]], text=True, capture_output=True)
        return result.returncode, result.stdout + result.stderr

    def check(self, source, *args):
        code, text = self.run_script(*args)
        self.assertEqual(code, 0, text)
        code, text = self.run_script("check_names")
        self.assertEqual(code, 0, text)
        compiler = os.environ.get("CXX", "g++")
        result = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror",
                                 f"-I{self.root / 'src'}", self.root / source], text=True, capture_output=True)
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        self.assertNotEqual(self.run_script(*args)[0], 0, "a second time must be refused")

    def test_op(self):
        self.check("src/ops/foo_bar.cpp", "new-op", "FooBar")

    def test_pass(self):
        self.check("src/passes/fold_foo.cpp", "new-pass", "fold_foo", "--group", "clean")
        self.assertTrue((self.root / "tests/passes/fold_foo.txt").is_file())

    def test_tactic(self):
        self.check("src/cpu/foo_rows.cpp", "new-tactic", "foo_rows", "--op", "Relu")

    def test_refusals(self):
        for args in (["new-op", "fooBar"], ["new-op", "Relu"], ["new-pass", "merge_x", "--group", "clean"], ["new-pass", "fold_x", "--group", "none"],
                     ["new-tactic", "foo_avx2", "--op", "Relu"], ["new-tactic", "foo_rows", "--op", "Nothing"]):
            self.assertNotEqual(self.run_script(*args)[0], 0, args)


if __name__ == "__main__":
    unittest.main()
