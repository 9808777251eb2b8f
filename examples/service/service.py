#!/usr/bin/env python3
"""usage: service.py CONFIG.json [--listen HOST:PORT]

A resident process that answers inference requests over HTTP: models are loaded (or built, once, into a cache of engines) and warmed up for the shapes that the
configuration names before the first request is taken. See config.json beside this file:

    {"listen": "127.0.0.1:8080", "cache_dir": "/var/cache/sinter", "most_bytes": 67108864,
     "models": [{"name": "digits", "path": "digits.onnx", "contexts": 2, "threads": 1, "options": {"fp16": true},
                 "warm": [{"image": [1, 1, 8, 8]}]}]}

GET  /healthz            200 when all models are warm, 503 before, 500 with the reason when one can't be
GET  /v1/models          names, inputs and outputs of the models, and how many requests each has answered
POST /v1/models/NAME     application/json: {"inputs": {NAME: nested lists}} -> {"outputs": {NAME: nested lists}}; any other type: an .npz or, for one input, an
                         .npy file -> an .npz file. 400: the request is wrong, and the text says how; 404: no such model; 413: the body is too large
SIGTERM lets requests under way end, then the process ends with 0.
"""
import argparse
import io
import json
import pathlib
import queue
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import sinter

MOST_BYTES = 64 << 20  # of a request's body, unless the configuration says otherwise


class RequestError(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Model:
    """An engine and the contexts that requests take turns on."""

    def __init__(self, given, folder, cache_dir):
        self.name = given["name"]
        self.path = str(folder / given["path"])
        self.options = dict(given.get("options", {}))
        if cache_dir:
            self.options.setdefault("cache_dir", cache_dir)
        self.threads = int(given.get("threads", 1))
        self.options.setdefault("threads", self.threads)
        self.count = int(given.get("contexts", 1))
        self.warm = given.get("warm", [])
        self.engine, self.answered, self.seconds = None, 0, 0.0
        self.free, self.lock = queue.Queue(), threading.Lock()

    def load(self):
        began = time.monotonic()
        engine = sinter.load_or_build(self.path, **self.options)
        for _ in range(self.count):
            context = engine.create_context(threads=self.threads, max_shapes=max(8, len(self.warm)))
            for shapes in self.warm:
                context.infer({name: np.zeros(shape, engine.input(name).numpy_dtype) for name, shape in shapes.items()})
            self.free.put(context)
        self.engine = engine
        print(f"{self.name}: ready after {time.monotonic() - began:.1f} s, {self.count} contexts, warm for {len(self.warm)} shapes", flush=True)

    def infer(self, inputs):
        context = self.free.get()
        try:
            began = time.monotonic()
            outputs = context.infer(inputs)
            with self.lock:
                self.answered += 1
                self.seconds += time.monotonic() - began
            return outputs
        finally:
            self.free.put(context)

    def describe(self):
        def described(tensors):
            return [{"name": tensor.name, "type": tensor.type} for tensor in tensors]

        return {"name": self.name, "inputs": described(self.engine.inputs), "outputs": described(self.engine.outputs), "answered": self.answered,
                "mean_ms": round(1000 * self.seconds / self.answered, 3) if self.answered else None}


class Service(ThreadingHTTPServer):
    daemon_threads = False  # requests under way end before the process does
    block_on_close = True
    request_queue_size = 128  # connections that wait to be accepted; beyond, clients are refused

    def __init__(self, address, models, most_bytes):
        super().__init__(address, Handler)
        self.models = {model.name: model for model in models}
        self.most_bytes = most_bytes
        self.warm, self.problem = threading.Event(), None

    def load(self):
        try:
            for model in self.models.values():
                model.load()
        except Exception as error:  # said to who asks for the health, and in the log
            self.problem = f"{type(error).__name__}: {error}"
            print(f"service: {self.problem}", file=sys.stderr, flush=True)
            return
        self.warm.set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a silent connection is kept

    def do_GET(self):
        self.answer(self.get)

    def do_POST(self):
        self.answer(self.post)

    def answer(self, work):
        try:
            code, kind, body = work()
        except RequestError as error:
            code, kind, body = error.code, "application/json", as_json({"error": str(error)})
        except sinter.InvalidArgumentError as error:
            code, kind, body = 400, "application/json", as_json({"error": str(error)})
        except Exception as error:
            code, kind, body = 500, "application/json", as_json({"error": f"{type(error).__name__}: {error}"})
        if code >= 400:  # what is left of the request was perhaps not read
            self.close_connection = True
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def get(self):
        server = self.server
        if self.path == "/healthz":
            if server.problem:
                raise RequestError(500, server.problem)
            if not server.warm.is_set():
                raise RequestError(503, "models are being loaded and warmed up; ask again")
            return 200, "application/json", as_json({"status": "ready"})
        if self.path == "/v1/models":
            self.require_warm()
            return 200, "application/json", as_json({"models": [model.describe() for model in server.models.values()]})
        raise RequestError(404, f"'{self.path}': expected /healthz or /v1/models")

    def require_warm(self):
        if not self.server.warm.is_set():
            raise RequestError(503, self.server.problem or "models are being loaded and warmed up; ask again")

    def post(self):
        prefix = "/v1/models/"
        model = self.server.models.get(self.path[len(prefix):]) if self.path.startswith(prefix) else None
        if model is None:
            raise RequestError(404, f"'{self.path}': expected {prefix}NAME with one of {', '.join(sorted(self.server.models))}")
        self.require_warm()
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise RequestError(411, "the request has no Content-Length; send one")
        if int(length) > self.server.most_bytes:
            raise RequestError(413, f"the body has {length} bytes, at most {self.server.most_bytes} are taken; send fewer samples at once")
        body = self.rfile.read(int(length))
        if self.headers.get("Content-Type", "").split(";")[0].strip() == "application/json":
            outputs = model.infer(from_json(body, model.engine))
            return 200, "application/json", as_json({"outputs": {name: value.tolist() for name, value in outputs.items()}})
        outputs = model.infer(from_numpy(body, model.engine))
        buffer = io.BytesIO()
        np.savez(buffer, **outputs)
        return 200, "application/octet-stream", buffer.getvalue()

    def log_message(self, *_):
        pass


def as_json(value):
    return (json.dumps(value) + "\n").encode()


def from_json(body, engine):
    try:
        given = json.loads(body)
        return {name: np.asarray(value, engine.input(name).numpy_dtype) for name, value in given["inputs"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, sinter.NotFoundError) as error:
        raise RequestError(400, f'the body is not {{"inputs": {{NAME: nested lists of numbers}}}}: {error}') from None


def from_numpy(body, engine):
    try:
        read = np.load(io.BytesIO(body), allow_pickle=False)
        if isinstance(read, np.ndarray):
            return {engine.inputs[0].name: read}
        return {name: read[name] for name in read.files}
    except Exception as error:  # numpy's readers raise many kinds
        raise RequestError(400, f"the body is neither an .npz nor an .npy file: {error}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=pathlib.Path)
    parser.add_argument("--listen", help="HOST:PORT, in place of the configuration's")
    args = parser.parse_args()
    try:
        config = json.loads(args.config.read_text())
        models = [Model(given, args.config.parent, config.get("cache_dir")) for given in config["models"]]
        host, _, port = (args.listen or config.get("listen", "127.0.0.1:8080")).rpartition(":")
        service = Service((host, int(port)), models, int(config.get("most_bytes", MOST_BYTES)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"service: {args.config}: {type(error).__name__}: {error}; see {pathlib.Path(__file__).name} --help for the form")
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=service.shutdown).start())
    threading.Thread(target=service.load, daemon=True).start()
    print(f"listening on {service.server_address[0]}:{service.server_address[1]}", flush=True)
    try:
        service.serve_forever()
    except KeyboardInterrupt:
        pass
    service.server_close()


if __name__ == "__main__":
    main()
