#!/usr/bin/env node
// ONNX Runtime's CPU provider from the command line: the peer of bench/vs_ort and the oracle of tests/e2e/agree_with_ort.
// onnxruntime-node is looked for in $SINTER_ORT_DIR/node_modules (bench/ort/install puts it into .cache/ort).
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { createRequire } from 'node:module';

const usage = `usage: peer.mjs COMMAND ...
  describe MODEL                     inputs and outputs as JSON: name, type (ONNX number), shape (-1: not fixed)
  infer MODEL JOB...                 runs once for each JOB, a folder with inputs NAME.npy; writes NAME.npy into JOB/LEVEL
        [--level disabled|basic|extended|all] (all)  [--threads N] (1)
  serve MODEL --inputs DIR [--threads N]
        loads the model with inputs DIR/NAME.npy, prints {"load_ms"}, then for each line 'WARMUP_MS DURATION_S' on
        standard input runs that long and prints {"median_ms", "min_ms", "mean_ms", "p95_ms", "runs"}
A NAME that has '/' or ':' in it is written with '_' in file names.`;

const here = path.dirname(new URL(import.meta.url).pathname);
const base = process.env.SINTER_ORT_DIR ?? path.join(here, '../../.cache/ort');
const require = createRequire(path.join(path.resolve(base), 'package.json'));

const options = { level: 'all', threads: '1' };
const args = [];
for (let i = 2; i < process.argv.length; i++) {
  const arg = process.argv[i];
  if (arg === '--help' || arg === '-h') {
    console.log(usage);
    process.exit(0);
  }
  if (arg.startsWith('--')) options[arg.slice(2)] = process.argv[++i];
  else args.push(arg);
}
const [command, model, ...jobs] = args;
if (!model) {
  console.error(usage);
  process.exit(2);
}

// NumPy's format, little endian and C order.
const kinds = {
  '<f4': ['float32', Float32Array], '<f8': ['float64', Float64Array], '<f2': ['float16', Uint16Array],
  '<i8': ['int64', BigInt64Array], '<i4': ['int32', Int32Array], '<i2': ['int16', Int16Array], '|i1': ['int8', Int8Array],
  '<u8': ['uint64', BigUint64Array], '<u4': ['uint32', Uint32Array], '<u2': ['uint16', Uint16Array],
  '|u1': ['uint8', Uint8Array], '|b1': ['bool', Uint8Array],
};
function readNpy(file) {
  const bytes = fs.readFileSync(file);
  const wide = bytes[6] > 1;
  const start = (wide ? 12 : 10) + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString('latin1', wide ? 12 : 10, start);
  const kind = kinds[/'descr': *'([^']+)'/.exec(header)[1]];
  if (!kind || /'fortran_order': *True/.test(header)) throw new Error(`${file}: unsupported array: ${header}`);
  const dims = /'shape': *\(([^)]*)\)/.exec(header)[1].split(',').map((s) => s.trim()).filter(Boolean).map(Number);
  const body = new Uint8Array(bytes.subarray(start)); // a copy, aligned
  return { type: kind[0], dims, data: new kind[1](body.buffer, 0, dims.reduce((a, b) => a * b, 1)) };
}
function writeNpy(file, tensor) {
  const descr = Object.keys(kinds).find((k) => kinds[k][0] === tensor.type);
  if (!descr) throw new Error(`${file}: type ${tensor.type}`);
  const dims = Array.from(tensor.dims).join(', ') + (tensor.dims.length === 1 ? ',' : '');
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const head = Buffer.from(`\x93NUMPY\x01\x00\0\0${header}`, 'latin1');
  head.writeUInt16LE(header.length, 8);
  const { data } = tensor;
  fs.writeFileSync(file, Buffer.concat([head, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
}
const fileName = (name) => `${name.replaceAll(/[/:]/g, '_')}.npy`;

// The binding is called below its promise layer, so that a run is one synchronous call and nothing else is timed.
const { Tensor } = require('onnxruntime-node');
const { binding, initOrt } = require('onnxruntime-node/dist/binding.js');
initOrt();
const quiet = { logSeverityLevel: 4 };
const begin = performance.now();
const session = new binding.InferenceSession();
session.loadModel(path.resolve(model), {
  executionProviders: ['cpu'], graphOptimizationLevel: options.level, executionMode: 'sequential',
  intraOpNumThreads: Number(options.threads), interOpNumThreads: 1, ...quiet,
});
const loadMs = performance.now() - begin;
const fetches = Object.fromEntries(session.outputMetadata.map((m) => [m.name, null]));
function feedsOf(folder) {
  const feeds = {};
  for (const { name } of session.inputMetadata) {
    const file = path.join(folder, fileName(name));
    if (!fs.existsSync(file)) continue;
    const { type, data, dims } = readNpy(file);
    feeds[name] = new Tensor(type, data, dims);
  }
  return feeds;
}

if (command === 'describe') {
  const plain = (list) => list.map(({ name, type, shape }) => ({ name, type, shape }));
  console.log(JSON.stringify({ inputs: plain(session.inputMetadata), outputs: plain(session.outputMetadata) }));
} else if (command === 'infer') {
  for (const job of jobs) {
    const results = session.run(feedsOf(job), fetches, quiet);
    const to = path.join(job, options.level);
    fs.mkdirSync(to, { recursive: true });
    for (const name of Object.keys(fetches)) writeNpy(path.join(to, fileName(name)), results[name]);
  }
} else if (command === 'serve') {
  const feeds = feedsOf(options.inputs);
  console.log(JSON.stringify({ load_ms: loadMs, version: require('onnxruntime-node/package.json').version }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [warmupMs, durationS] = line.trim().split(/\s+/).map(Number);
    for (const start = performance.now(); ;) {
      session.run(feeds, fetches, quiet);
      if (performance.now() - start >= warmupMs) break;
    }
    const times = [];
    for (const start = performance.now(); ;) {
      const before = performance.now();
      session.run(feeds, fetches, quiet);
      const after = performance.now();
      times.push(after - before);
      if (times.length >= 5 && after - start >= durationS * 1000) break;
    }
    times.sort((a, b) => a - b);
    const at = (p) => times[Math.round((times.length - 1) * p)];
    console.log(JSON.stringify({
      median_ms: at(0.5), min_ms: times[0], p95_ms: at(0.95), mean_ms: times.reduce((a, b) => a + b) / times.length, runs: times.length,
    }));
  }
} else {
  console.error(usage);
  process.exit(2);
}
