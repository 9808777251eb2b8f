#!/usr/bin/python3
"""The source checks of scripts/ on small trees made here: each finds what it must find, and passes what is right."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAYERS = "base rt :\ncore rt : base\nir full : core base\n"


def run(check, files):
    """Exit code and output of a check in a tree that has only these files."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {"src/LAYERS": LAYERS, **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (root / "scripts").mkdir(exist_ok=True)
        shutil.copy(ROOT / "scripts" / check, root / "scripts" / check)
        subprocess.run(["git", "init", "-q", root], check=True)
        result = subprocess.run([sys.executable, root / "scripts" / check], text=True, capture_output=True)
        return result.returncode, result.stdout + result.stderr


class Layers(unittest.TestCase):
    def test_allowed(self):
        code, text = run("check_layers", {"src/ir/graph.cpp": '#include "ir/graph.h"\n#include "core/type.h"\n#include <vector>\n',
                                          "tools/main.cpp": "#include <sinter/sinter.hpp>\n"})
        self.assertEqual(code, 0, text)

    def test_refused(self):
        for name, include in (("src/core/a.cpp", '"ir/graph.h"'), ("src/core/a.cpp", "<ir/graph.h>"), ("src/core/a.cpp", '"../ir/graph.h"'),
                              ("tools/main.cpp", '"ir/graph.h"'), ("include/sinter/sinter.h", '"base/status.h"'),
                              ("src/core/a.cpp", '"fmt/format.h"'), ("src/other/a.cpp", '"core/a.h"')):
            code, text = run("check_layers", {name: f"#include {include}\n"})
            self.assertEqual(code, 1, f"{name} with {include}: {text}")
            self.assertIn(name, text)

    def test_table(self):
        code, text = run("check_layers", {"src/LAYERS": "base rt : core\ncore rt : base\n"})
        self.assertEqual(code, 1)
        self.assertIn("cycle", text)
        code, text = run("check_layers", {"src/LAYERS": "ir full :\nruntime rt : ir\n"})
        self.assertEqual(code, 1)
        self.assertIn("libsinter_rt", text)


class Names(unittest.TestCase):
    def test_agreement(self):
        code, text = run("check_names", {"src/ops/ops.def": "OP(relu)\n// helper: registry.cpp: the table\n", "src/ops/relu.cpp": "",
                                         "src/ops/registry.cpp": ""})
        self.assertEqual(code, 0, text)

    def test_disagreement(self):
        for files, what in (({"src/ops/ops.def": "OP(relu)\n"}, "no file"),
                            ({"src/ops/ops.def": "", "src/ops/relu.cpp": ""}, "not in"),
                            ({"src/passes/pipeline.def": "PASS(merge_x, a)\n", "src/passes/merge_x.cpp": ""}, "must start with"),
                            ({"src/ops/ops.def": "OP(Relu)\n", "src/ops/Relu.cpp": ""}, "snake_case")):
            code, text = run("check_names", files)
            self.assertEqual(code, 1)
            self.assertIn(what, text)


class Sizes(unittest.TestCase):
    def test_long_file(self):
        long = {"src/core/long.cpp": "\n" * 601}
        self.assertEqual(run("check_sizes", long)[0], 1)
        self.assertEqual(run("check_sizes", {**long, "scripts/size_exceptions": "src/core/long.cpp: a table\n"})[0], 0)
        self.assertEqual(run("check_sizes", {"src/core/short.cpp": "\n", "scripts/size_exceptions": "src/core/short.cpp: a table\n"})[0], 1)


class Paths(unittest.TestCase):
    def test_machine_folder(self):
        self.assertEqual(run("check_paths", {"a.sh": "cd /" + "home/someone\n"})[0], 1)
        self.assertEqual(run("check_paths", {"a.sh": "fetch https://registry." + "npmjs.org/x\n"})[0], 1)
        self.assertEqual(run("check_paths", {"a.sh": "cd /usr/include; cd $HOME/work/x\n"})[0], 0)


if __name__ == "__main__":
    unittest.main()
