# SPDX-License-Identifier: Apache-2.0
"""Whether slimpilot and LiteRT compute the same of weights that a .tflite file stores without their zeros. Pruned networks in
every number system, as slimpilot writes them: LiteRT with reference kernels, optimized kernels and XNNPACK computes the same
of them as of dense weights, they are smaller than unpruned ones, and agree like other models (parity.py). Networks that
TensorFlow's converter makes sparse, as slimpilot reads them. Prints a line per check; exits with 1 if one fails.

usage: sparse_weights.py --build BUILD [--frames N] [--only WORD in a network's name]
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import json

import flatbuffers
import numpy as np
import tensorflow as tf
from absl import logging
from ai_edge_litert import schema_py_generated as schema

import litert_run
import parity
from parity_run import run_checks

logging.set_verbosity(logging.ERROR)
PRUNE = "prune sparsity=0.8"
# The technique, its recipe, the same without pruning, and the largest share of that one's bytes.
TECHNIQUES = (
    ("sparse", PRUNE, "float32", 0.4),
    ("sparse_float16", f"{PRUNE} | quantize_float16", "float16", 0.6),
    ("sparse_int16x8", f"{PRUNE} | quantize_integer bits=16 integer_io=0", "int16x8", 0.9),
    ("sparse_int8", f"{PRUNE} | equalize_channels | quantize_integer", "int8_only", 1),
    ("sparse_dynamic_range", f"{PRUNE} | quantize_dynamic_range", "dynamic_range", 1),
)
INTEGER = ("sparse_int16x8", "sparse_int8")
DENSIFY = 124
TYPES = {0: np.float32, 1: np.float16, 9: np.int8}


def dense_copy(content):
    """The same file with every sparse weight dense, which is what slimpilot writes of rows: their last dimension compressed."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    is_densify = lambda op: model.operatorCodes[op.opcodeIndex].builtinCode == DENSIFY
    weights = {op.outputs[0]: graph.tensors[op.inputs[0]] for op in graph.operators if is_densify(op)}
    graph.operators = [op for op in graph.operators if not is_densify(op)]
    for output, tensor in weights.items():
        rows = tensor.sparsity.dimMetadata[-1]
        lengths = np.diff(np.asarray(rows.arraySegments.values).astype(np.int64))
        dense = np.zeros((len(lengths), tensor.shape[-1]), TYPES[tensor.type])
        stored = np.frombuffer(bytes(model.buffers[tensor.buffer].data), dense.dtype)
        dense[np.repeat(np.arange(len(lengths)), lengths), np.asarray(rows.arrayIndices.values)] = stored
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(dense.tobytes(), np.uint8)
        model.buffers.append(buffer)
        graph.tensors[output].buffer = len(model.buffers) - 1
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()), len(weights)


def check_like_dense(results, folder, name, model, inputs):
    """Every set of LiteRT's kernels: the sparse file computes what the dense one does, to the bit."""
    content, count = dense_copy(model.read_bytes())
    dense = folder / "dense.tflite"
    dense.write_bytes(content)
    for kernels in litert_run.KERNELS:
        interpreter, refusal = parity.open_or_refusal(model, kernels)
        equal = interpreter is not None and np.array_equal(
            parity.litert_bytes(interpreter, inputs), parity.litert_bytes(litert_run.open_model(dense, kernels), inputs)
        )
        detail = refusal or f"{count} sparse weights, {len(inputs)} inputs {'equal' if equal else 'DIFFER'}"
        results.add(name, f"LiteRT {kernels} computes the same as with dense weights", equal, detail)


def check_written(results, runner, network, frame_count):
    name, source, recording, options, prepare, _, _ = network
    recipes, out = runner.folder / "recipes.json", runner.folder / name
    recipes.write_text(json.dumps({technique: recipe for technique, recipe, _, _ in TECHNIQUES}))
    names = ",".join(f"{technique},{dense}" for technique, _, dense, _ in TECHNIQUES)
    runner.optimize(source, recording, out, [*options, "--recipes", recipes, "--techniques", names])
    frames = prepare(frame_count)
    for technique, _, dense, share in TECHNIQUES:
        model, place = out / f"{technique}.tflite", f"{name}/{technique}"
        ratio = model.stat().st_size / (out / f"{dense}.tflite").stat().st_size
        results.add(place, f"bytes beside {dense}", ratio <= share, f"{model.stat().st_size}, {ratio:.3f} of it")
        inputs = parity.model_inputs(litert_run.open_model(model, "optimized"), frames)
        check_like_dense(results, runner.folder, place, model, inputs)
        if technique in INTEGER:
            parity.check_bits(results, runner, place, model, inputs)
        elif technique != "sparse_dynamic_range":
            parity.check_float(results, runner, place, model, inputs, litert_run.KERNELS)


def converted(kind, block, generator):
    """A convolution and a dense layer with a fifth of the weights, the latter's in blocks, as TensorFlow stores them."""

    def pruned(*shape, rows=1):
        kept = generator.uniform(size=(shape[0] // rows, *shape[1:])) < 0.2
        weights = generator.normal(0, 0.3, shape)
        return tf.constant(np.where(np.repeat(kept, rows, 0), weights, 0), tf.float32)

    filters, units = pruned(3, 3, 4, 16), pruned(256, 16, rows=block)

    def network(x):
        y = tf.nn.relu(tf.nn.conv2d(x, filters, 1, "SAME") + 0.1)
        return tf.matmul(tf.reshape(y, [1, -1]), units) + 0.1

    function = tf.function(network, input_signature=[tf.TensorSpec((1, 4, 4, 4), tf.float32)]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    if kind != "float32":
        converter.optimizations.append(tf.lite.Optimize.DEFAULT)
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        samples = generator.uniform(-1, 1, (10, 1, 4, 4, 4)).astype(np.float32)
        converter.representative_dataset = lambda: ([x] for x in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()


def check_read(results, runner):
    """Not float16 in blocks: the converter leaves out the DENSIFY, and LiteRT reads the blocks as dense weights. int8 in blocks
    of 16 only, as XNNPACK refuses what the converter makes of others; LiteRT's kernel for them rounds in its own way."""
    generator = np.random.default_rng(2)
    for kind, block in (("float32", 1), ("float32", 4), ("float16", 1), ("int8", 16)):
        model, name = runner.folder / f"converted_{kind}.tflite", f"converted/{kind} block {block}"
        model.write_bytes(converted(kind, block, generator))
        inputs = generator.uniform(-1, 1, (20, 1, 4, 4, 4)).astype(np.float32)
        if kind != "int8":
            parity.check_float(results, runner, name, model, inputs, litert_run.KERNELS)
            continue
        for kernels in litert_run.KERNELS:
            theirs = parity.litert_bytes(litert_run.open_model(model, kernels), inputs).view(np.float32)
            apart = parity.sqnr_db(theirs, runner.run(model, inputs).view(np.float32))
            results.add(name, f"SQNR against LiteRT {kernels}", apart >= parity.LEAST_SQNR_DB, f"{apart:.1f} dB")


def check_all(results, runner, arguments):
    for network in parity.random_networks(runner.folder):
        if arguments.only in network[0]:
            check_written(results, runner, network, arguments.frames)
    check_read(results, runner)


if __name__ == "__main__":
    run_checks(check_all, frames=20, only="")
