"""examples/service as its clients meet it."""
import concurrent.futures
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICE = ROOT / "examples/service/service.py"
DIGITS = ROOT / "examples/digits/digits.onnx"


class ServiceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.config = pathlib.Path(cls.folder.name) / "config.json"
        model = {"name": "digits", "path": str(DIGITS), "contexts": 2, "threads": 1, "warm": [{"image": [1, 1, 8, 8]}, {"image": [4, 1, 8, 8]}]}
        cls.config.write_text(json.dumps({"cache_dir": cls.folder.name + "/engines", "most_bytes": 100000, "models": [model, {**model, "name": "again"}]}))
        cls.process = subprocess.Popen([sys.executable, SERVICE, cls.config, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        cls.base = "http://" + cls.process.stdout.readline().split()[-1]
        for _ in range(600):
            if cls.request("/healthz")[0] == 200:
                return
            time.sleep(0.1)
        raise AssertionError("the service never got warm")

    @classmethod
    def tearDownClass(cls):
        cls.process.send_signal(signal.SIGTERM)
        code = cls.process.wait(timeout=30)
        cls.process.stdout.close()
        cls.folder.cleanup()
        assert code == 0, code

    @classmethod
    def request(cls, path, body=None, kind=None):
        request = urllib.request.Request(cls.base + path, data=body, headers={"Content-Type": kind} if kind else {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    @staticmethod
    def npy(array):
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    def scores(self, array, name="digits"):
        code, body = self.request(f"/v1/models/{name}", self.npy(array), "application/octet-stream")
        self.assertEqual(code, 200, body)
        return next(iter(np.load(io.BytesIO(body)).values()))

    def test_forms_of_requests_agree(self):
        image = np.random.default_rng(1).random((1, 1, 8, 8), dtype=np.float32)
        wanted = self.scores(image)
        self.assertEqual(wanted.shape, (1, 10))
        code, body = self.request("/v1/models/digits", json.dumps({"inputs": {"image": image.tolist()}}).encode(), "application/json")
        self.assertEqual(code, 200, body)
        np.testing.assert_allclose(next(iter(json.loads(body)["outputs"].values())), wanted, rtol=1e-6)
        buffer = io.BytesIO()
        np.savez(buffer, image=image)
        code, body = self.request("/v1/models/digits", buffer.getvalue())
        np.testing.assert_array_equal(next(iter(np.load(io.BytesIO(body)).values())), wanted)

    def test_many_at_once(self):
        images = np.random.default_rng(2).random((40, 3, 1, 8, 8), dtype=np.float32)
        alone = [self.scores(image) for image in images]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            together = list(pool.map(lambda i: self.scores(images[i], "digits" if i % 2 else "again"), range(len(images))))
        for one, other in zip(alone, together):
            np.testing.assert_allclose(one, other, rtol=1e-5)
        told = json.loads(self.request("/v1/models")[1])["models"]
        self.assertEqual([model["name"] for model in told], ["digits", "again"])
        self.assertGreaterEqual(sum(model["answered"] for model in told), 80)

    def test_wrong_requests(self):
        for path, body, kind, code, words in (
                ("/v1/models/other", b"x", None, 404, "digits"), ("/elsewhere", None, None, 404, "healthz"),
                ("/v1/models/digits", b"no numpy file", None, 400, ".npy"),
                ("/v1/models/digits", b"{", "application/json", 400, "inputs"),
                ("/v1/models/digits", json.dumps({"inputs": {"x": [1]}}).encode(), "application/json", 400, "x"),
                ("/v1/models/digits", self.npy(np.zeros((1, 1, 9, 8), np.float32)), None, 400, "8"),
                ("/v1/models/digits", self.npy(np.zeros((1, 1, 8, 8), np.float64)), None, 400, "float32"),
                ("/v1/models/digits", b"\0" * 100001, None, 413, "100000")):
            found, text = self.request(path, body, kind)
            self.assertEqual(found, code, text)
            self.assertIn(words, json.loads(text)["error"])
        self.assertEqual(self.request("/healthz")[0], 200)

    def test_what_cannot_be_loaded_is_told(self):
        config = pathlib.Path(self.folder.name) / "broken.json"
        config.write_text(json.dumps({"models": [{"name": "m", "path": "nowhere.onnx"}]}))
        process = subprocess.Popen([sys.executable, SERVICE, config, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            base = "http://" + process.stdout.readline().split()[-1]
            for _ in range(100):
                try:
                    urllib.request.urlopen(base + "/healthz", timeout=10)
                except urllib.error.HTTPError as error:
                    with error:
                        text = error.read().decode()
                    if error.code == 500:
                        self.assertIn("nowhere.onnx", text)
                        return
                time.sleep(0.05)
            self.fail("no word of the missing model")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_wrong_configurations(self):
        for text in ("{", '{"models": [{}]}', '{"models": [], "listen": "nowhere"}'):
            config = pathlib.Path(self.folder.name) / "wrong.json"
            config.write_text(text)
            done = subprocess.run([sys.executable, SERVICE, config], capture_output=True, text=True, env=os.environ)
            self.assertEqual(done.returncode, 1)
            self.assertIn("wrong.json", done.stderr)
