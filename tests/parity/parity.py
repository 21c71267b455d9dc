# SPDX-License-Identifier: Apache-2.0
"""Whether slimpilot and LiteRT compute the same. Every technique's .tflite of every network: integer models bit for bit like
LiteRT's reference kernels, float models within 1e-5 of the largest output of its default kernels, dynamic range by
signal-to-noise ratio (its activations are quantized differently by every runtime). Integer models of single operations by
TensorFlow's converter, bit for bit. Imported Keras files against their definition in float64. Prints a line per check; exits
with 1 if one fails.

usage: parity.py --build BUILD [--shared FOLDER] [--frames N] [--only WORD in a network's or operation's name]
"""
import collections
import pathlib
import shutil

import h5py
import numpy as np

import keras_float64
import litert_run
import pictures
from parity_run import LEAST_SQNR_DB, TECHNIQUES, run_checks, sqnr_db

FLOAT_TOLERANCE = 1e-5  # of the largest output
FLOAT64_FRAMES = 5
EXTREME_FRAMES = 4
RELU_COPY = "udacity_maxpool_pilotnet_relu"
HYBRID = ("dynamic_range", "int4")
INTEGER = ("int8_float_fallback", "int8_only", "int16x8")


def open_or_refusal(model, kernels):
    try:
        return litert_run.open_model(model, kernels), ""
    except (RuntimeError, ValueError) as error:
        return None, " ".join(str(error).split())


def litert_bytes(interpreter, inputs):
    shape = interpreter.get_input_details()[0]["shape"]
    rows = litert_run.run(interpreter, [inputs.reshape(len(inputs), *shape)])
    return np.stack([np.concatenate([np.ravel(y).view(np.uint8) for y in outputs]) for outputs in rows])


def split_outputs(interpreter, rows):
    """Per output of the model an array [frame, element] of its type."""
    arrays, place = [], 0
    for detail in interpreter.get_output_details():
        size = int(np.prod(detail["shape"])) * np.dtype(detail["dtype"]).itemsize
        arrays.append(np.ascontiguousarray(rows[:, place : place + size]).view(detail["dtype"]))
        place += size
    return arrays


def model_inputs(interpreter, frames):
    """The frames in the input's type, and a few of random numbers over all of it."""
    detail = interpreter.get_input_details()[0]
    scale, zero_point = detail["quantization"]
    generator = np.random.default_rng(11)
    if detail["dtype"] == np.float32:
        extremes = generator.uniform(frames.min(), frames.max(), (EXTREME_FRAMES, *frames.shape[1:]))
        return np.concatenate([frames, extremes]).astype(np.float32)
    limits = np.iinfo(detail["dtype"])
    integers = np.clip(np.round(frames / scale) + zero_point, limits.min, limits.max)
    extremes = generator.integers(limits.min, limits.max, (EXTREME_FRAMES, *frames.shape[1:]), endpoint=True)
    return np.concatenate([integers, extremes]).astype(detail["dtype"])


def step_sizes(interpreter):
    """Per output the real value of one integer step; the dequantized ones have that of the tensor before."""
    scales = {t["name"]: t["quantization"][0] for t in interpreter.get_tensor_details()}
    return [scales.get(d["name"].removesuffix("/dequantized"), 0) for d in interpreter.get_output_details()]


def histogram(interpreter, ours, theirs):
    """How many outputs differ by how many integer steps."""
    counts = collections.Counter()
    for a, b, step in zip(split_outputs(interpreter, ours), split_outputs(interpreter, theirs), step_sizes(interpreter)):
        difference = a.astype(np.float64) - b
        steps = difference if a.dtype != np.float32 else difference / step
        counts.update(np.rint(steps).astype(int).ravel().tolist())
    return " ".join(f"{step:+d}:{count}" if step else f"0:{count}" for step, count in sorted(counts.items()))


def describe_difference(interpreter, ours, theirs):
    different = int((ours != theirs).any(axis=1).sum())
    return f"{different} of {len(ours)} inputs differ; steps {histogram(interpreter, ours, theirs)}"


def check_bits(results, runner, name, model, inputs, kernels="reference"):
    """Whether all are equal."""
    interpreter = litert_run.open_model(model, kernels)
    theirs = litert_bytes(interpreter, inputs)
    good = True
    for isa in runner.isas():
        ours = runner.run(model, inputs, isa)
        equal = np.array_equal(ours, theirs)
        detail = f"{len(inputs)} inputs equal" if equal else describe_difference(interpreter, ours, theirs)
        good &= results.add(name, f"bits of {isa or 'default'} against LiteRT {kernels}", equal, detail)
    return good


def check_float(results, runner, name, model, inputs, kernel_sets):
    """LiteRT's default kernels decide. The others sum in other orders, up to 1e-5 apart among themselves; they are shown."""
    ours = runner.run(model, inputs).view(np.float32).astype(np.float64)
    for kernels in kernel_sets:
        theirs = litert_bytes(litert_run.open_model(model, kernels), inputs).view(np.float32)
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        check, detail = f"largest difference to LiteRT {kernels}", f"{error:.2e} of the maximum"
        if kernels == "delegate":
            results.add(name, check, error <= FLOAT_TOLERANCE, detail)
        else:
            results.note(name, f"{check}: {detail}")


def check_dynamic_range(results, runner, name, model, inputs, kernel_sets):
    """Both quantize activations to 8 bits on the fly; how far each is from float32 says whose noise it is."""

    def reals(data):
        return data.view(np.float32).astype(np.float64)

    ours = reals(runner.run(model, inputs))
    exact = reals(runner.run(pathlib.Path(model).with_name("float32.tflite"), inputs))
    for kernels in kernel_sets:
        theirs = reals(litert_bytes(litert_run.open_model(model, kernels), inputs))
        apart, us, them = sqnr_db(theirs, ours), sqnr_db(exact, ours), sqnr_db(exact, theirs)
        results.add(name, f"SQNR against LiteRT {kernels}", apart >= LEAST_SQNR_DB,
                    f"{apart:.1f} dB (to float32: slimpilot {us:.1f}, LiteRT {them:.1f})")


def check_model(results, runner, network, model, frames, has_elu):
    """All checks of one technique's file."""
    technique = model.stem
    name = f"{network}/{technique}"
    kernel_sets = []
    for kernels in litert_run.KERNELS:
        interpreter, refusal = open_or_refusal(model, kernels)
        if interpreter is None and has_elu and kernels == "reference":
            results.note(name, "LiteRT's reference kernels have no ELU; bits are compared on the RELU copy and on ELU alone")
            continue
        results.add(name, f"loads in LiteRT {kernels}", interpreter is not None, refusal or "yes")
        if interpreter is not None:
            kernel_sets.append(kernels)
    if not kernel_sets:
        return
    interpreter = litert_run.open_model(model, kernel_sets[-1])
    inputs = model_inputs(interpreter, frames)
    if technique in INTEGER:
        if "reference" in kernel_sets:
            check_bits(results, runner, name, model, inputs)
        if "delegate" in kernel_sets:
            theirs = litert_bytes(interpreter, inputs)
            results.note(name, f"steps from LiteRT's default: {histogram(interpreter, runner.run(model, inputs), theirs)}")
    elif technique in HYBRID:
        check_dynamic_range(results, runner, name, model, inputs[: len(frames)], kernel_sets)
    else:
        check_float(results, runner, name, model, inputs[: len(frames)], kernel_sets)


def check_float64(results, runner, network, source, model, frames, lambdas):
    frames = frames[:: max(1, len(frames) // FLOAT64_FRAMES)][:FLOAT64_FRAMES]
    expected = keras_float64.evaluate(source, frames, lambdas)
    ours = runner.run(model, frames).view(np.float32)
    error = np.abs(ours - expected).max() / max(1, np.abs(expected).max())
    results.add(f"{network}/float32", "Keras' definition in float64", error <= FLOAT_TOLERANCE, f"largest difference {error:.2e}")


def relu_copy(source, target):
    """The same network with every ELU a RELU."""
    shutil.copy(source, target)
    target.chmod(0o600)
    with h5py.File(target, "r+") as file:
        config = file.attrs["model_config"]
        text = config if isinstance(config, str) else config.decode()
        file.attrs["model_config"] = text.replace('"activation": "elu"', '"activation": "relu"').encode()


def random_networks(folder):
    """(name, model, recording, options, frames, source, lambdas) of each network that needs nothing but this repository."""
    recording = folder / "synthetic"
    paths = pictures.make_synthetic_recording(recording)
    for name, shape, normalize in (
        ("pilotnet", (1, 66, 200, 3), "unit"),
        ("pilotnet_same", (1, 66, 200, 3), "imagenet"),
        ("deepest_lstm_tiny_pilotnet", (1, 50, 100, 3), "imagenet"),
    ):
        prepared = lambda n, s=shape, norm=normalize: pictures.prepare(paths[:n], s, (240, 480), normalize=norm)
        yield name, f"random:{name}", recording, [], prepared, None, None


def real_networks(folder, shared):
    recording = folder / "udacity"
    paths = pictures.thin_udacity_recording(shared / "data/udacity/forward", recording)
    for letter in "ab":
        source = shared / f"models/behavior_metrics_carla/deepest_lstm_tiny_pilotnet_{letter}.h5"
        prepared = lambda n: pictures.prepare(paths[:n], (1, 150, 50, 3), normalize="imagenet")
        options = ["--resize", "50x150", "--normalize", "imagenet", "--outputs", "steering,throttle,brake"]
        yield f"deepest_lstm_tiny_pilotnet_{letter}", source, recording, options, prepared, source, None
    elu = shared / "models/udacity_maxpool_pilotnet/model_best.h5"
    relu = folder / f"{RELU_COPY}.h5"
    relu_copy(elu, relu)
    prepared = lambda n: pictures.prepare(paths[:n], (1, 160, 320, 3), color="bgr")
    options = ["--lambda", "lambda_1=0.00392156862745098,-0.5", "--color", "bgr"]
    lambdas = {"lambda_1": (1 / 255, -0.5)}
    yield "udacity_maxpool_pilotnet", elu, recording, options, prepared, elu, lambdas
    yield RELU_COPY, relu, recording, options, prepared, relu, lambdas


def check_network(results, runner, network, frame_count):
    name, model, recording, options, prepare, source, lambdas = network
    out = runner.folder / name
    runner.optimize(model, recording, out, options)
    frames = prepare(frame_count)
    if source is not None:
        check_float64(results, runner, name, source, out / "float32.tflite", frames, lambdas)
    models = sorted(out.glob("*.tflite"))
    results.add(name, "every technique wrote a file", len(models) == len(TECHNIQUES), ", ".join(m.stem for m in models))
    for path in models:
        check_model(results, runner, name, path, frames, name == "udacity_maxpool_pilotnet")


def check_converted_ops(results, runner, only):
    import converted_ops

    for name, content, in_reference in converted_ops.models(only):
        path = runner.folder / f"{name}.tflite"
        path.write_bytes(content)
        kernels = "reference" if in_reference else "optimized"
        detail = litert_run.open_model(path, kernels).get_input_details()[0]
        limits = np.iinfo(detail["dtype"])
        generator = np.random.default_rng(5)
        shape = (100, *detail["shape"])
        inputs = generator.integers(limits.min, limits.max, shape, dtype=detail["dtype"], endpoint=True)
        check_bits(results, runner, f"converted/{name}", path, inputs, kernels)


def check_all(results, runner, arguments):
    networks, shared = list(random_networks(runner.folder)), pathlib.Path(arguments.shared)
    if arguments.shared and (shared / "models").is_dir():
        networks += real_networks(runner.folder, shared)
    else:
        print("skipped: the real models (udacity_maxpool_pilotnet, behavior_metrics_carla): no --shared folder with them")
    for network in networks:
        if arguments.only in network[0]:
            check_network(results, runner, network, arguments.frames)
    check_converted_ops(results, runner, arguments.only)


if __name__ == "__main__":
    run_checks(check_all, shared="", frames=100, only="")
