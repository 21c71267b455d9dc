# SPDX-License-Identifier: Apache-2.0
"""What slimpilot computes of files that TensorFlow's own converter makes of our Keras networks (twins.py): int8 and int16x8, with
integers and with reals at both ends, and uint8, bit for bit as LiteRT's reference kernels; dynamic range and float16 within 1e-5 of
their largest output. In dynamic range both quantize activations while they compute: an integer that were another would show.
uint8 of TensorFlow 1's quantization-aware training: today's TensorFlow has no such training, but its converter for TensorFlow 1's
graphs still makes such files of one with fake quantization, which stands for it here (legacy_uint8.py has more of them). Prints a line
per check; exits with 1 if one fails. The converter refuses the networks with ConvLSTM2D or LSTM for
their lists of tensors, and leaves Conv3D real, an operator that slimpilot does not read.

usage: tensorflow_converter.py --build BUILD [--frames N] [--only WORD in network/kind]
"""
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
import tf_keras as keras
from absl import logging

import litert_run
import parity
import pictures
import twins
from parity_run import run_checks

logging.set_verbosity(logging.ERROR)
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
TOLERANCE = 1e-5  # of the largest output
RECORDED, CALIBRATION = 60, 30
NETWORKS = ("pilotnet", "pilotnet_stacked", "deeppilot")
LITE, INT16 = tf.lite.OpsSet, tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
# Operators, type of inputs and outputs.
KINDS = {
    "int8": (LITE.TFLITE_BUILTINS_INT8, tf.int8),
    "int8_float_ends": (LITE.TFLITE_BUILTINS_INT8, tf.float32),
    "int8_uint8_ends": (LITE.TFLITE_BUILTINS_INT8, tf.uint8),
    "int16x8": (INT16, tf.int16),
    "int16x8_float_ends": (INT16, tf.float32),
}
REAL_KINDS = ("dynamic_range", "float16")


def converted(model, kind, frames):
    """The bytes of a .tflite file."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind in KINDS:
        operators, ends = KINDS[kind]
        converter.target_spec.supported_ops = [operators]
        converter.inference_input_type = converter.inference_output_type = ends
        converter.representative_dataset = lambda: ([frame[None]] for frame in frames[:CALIBRATION])
    return converter.convert()


def ends(numbers):
    """The range of an array, as fake quantization wants it: with 0 in it."""
    return min(float(numbers.min()), 0.0), max(float(numbers.max()), 0.0)


def legacy_uint8(model, frames):
    """A chain of convolutions and dense layers as TensorFlow 1's training left it: fake quantization around every layer, with the
    ranges of its values on the frames. BatchNorm at the input is left out, as those graphs have it folded.
    """
    chain = [layer for layer in model.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense, keras.layers.Flatten))]
    inside = keras.Model(model.input, [chain[0].input, *(layer.output for layer in chain)])
    ranges = [ends(np.asarray(one)) for one in inside.predict(frames[:CALIBRATION], verbose=0)]
    weights = [layer.get_weights() for layer in chain]
    quantized = tf.quantization.fake_quant_with_min_max_args
    graph, v1 = tf.Graph(), tf.compat.v1
    with graph.as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, (1, *chain[0].input.shape[1:]), "image")
        x = quantized(image, *ranges[0])
        for layer, limits, numbers in zip(chain, ranges[1:], weights):
            if not numbers:
                x = tf.reshape(x, (1, -1))
                continue
            kernel, bias = numbers
            kernel = quantized(tf.constant(kernel), *ends(kernel))
            x = tf.nn.conv2d(x, kernel, layer.strides, layer.padding.upper()) if kernel.shape.rank == 4 else tf.matmul(x, kernel)
            x = x + tf.constant(bias)
            x = quantized(tf.nn.relu(x) if layer.activation is keras.activations.relu else x, *limits)
        converter = v1.lite.TFLiteConverter.from_session(session, [image], [x])
        converter.inference_type = converter.inference_input_type = converter.inference_output_type = tf.uint8
        low, high = ranges[0]
        scale = 255 / (high - low)
        converter.quantized_input_stats = {"image": (-low * scale, scale)}
        return converter.convert()


def random_inputs(interpreter, count):
    """Numbers over all of the input's type."""
    detail = interpreter.get_input_details()[0]
    limits, generator = np.iinfo(detail["dtype"]), np.random.default_rng(5)
    return generator.integers(limits.min, limits.max, (count, *detail["shape"][1:]), dtype=detail["dtype"], endpoint=True)


def unsigned_ends(rows, interpreter, of_inputs):
    """uint8 numbers as slimpilot's int8, 128 less; others as they are."""
    details = interpreter.get_input_details() if of_inputs else interpreter.get_output_details()
    return rows ^ 0x80 if details[0]["dtype"] == np.uint8 else rows


def check_bits(results, runner, name, path, inputs):
    interpreter = litert_run.open_model(path, "reference")
    theirs = parity.litert_bytes(interpreter, inputs)
    for isa in runner.isas():
        ours = unsigned_ends(runner.run(path, unsigned_ends(inputs, interpreter, True), isa), interpreter, False)
        different = np.count_nonzero(ours != theirs)
        detail = f"{different} of {theirs.size} bytes differ, {len(np.unique(theirs))} values"
        results.add(name, f"bits of {isa or 'default'} against LiteRT reference", different == 0, detail)


def check_reals(results, runner, name, path, inputs):
    theirs = parity.litert_bytes(litert_run.open_model(path, "reference"), inputs).view(np.float32)
    for isa in runner.isas():
        error = np.abs(runner.run(path, inputs, isa).view(np.float32) - theirs).max() / np.abs(theirs).max()
        check = f"largest difference of {isa or 'default'} to LiteRT reference"
        results.add(name, check, error <= TOLERANCE, f"{error:.2e} of the maximum")


def check_network(results, runner, network, frame_count, only):
    recording = runner.folder / "recording"
    model, frames = twins.trained(keras, network, recording, pictures.make_synthetic_recording(recording, RECORDED))
    chosen = frames[:: max(1, len(frames) // frame_count)][:frame_count]
    kinds = [*KINDS, *REAL_KINDS, *(["legacy_uint8"] if network == "pilotnet" else [])]
    for kind in kinds:
        name = f"{network}/{kind}"
        if only not in name:
            continue
        path = runner.folder / f"{network}_{kind}.tflite"
        path.write_bytes(legacy_uint8(model, frames) if kind == "legacy_uint8" else converted(model, kind, frames))
        interpreter, refusal = parity.open_or_refusal(path, "reference")
        if not results.add(name, "loads in LiteRT reference", interpreter is not None, refusal or "yes"):
            continue
        if kind in REAL_KINDS:
            check_reals(results, runner, name, path, chosen)
        elif kind == "legacy_uint8":
            check_bits(results, runner, name, path, random_inputs(interpreter, 10 * frame_count))
        else:
            check_bits(results, runner, name, path, parity.model_inputs(interpreter, chosen))


def check_all(results, runner, arguments):
    for network in NETWORKS:
        check_network(results, runner, network, arguments.frames, arguments.only)


if __name__ == "__main__":
    run_checks(check_all, frames=8, only="")
