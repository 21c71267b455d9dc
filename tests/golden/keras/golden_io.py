# SPDX-License-Identifier: Apache-2.0
"""What the makers of golden Keras models share: seeded weights, and NAME.json with one input, the outputs that Keras computes
(of several one behind the other), and the [scale, offset] that stands for each Lambda.
"""
import json

import numpy as np

random = np.random.default_rng(1)


def randomize(model):
    """Seeded weights; variances positive. Normalizations keep what they were made with."""
    for layer in model.layers:
        if type(layer).__name__ == "Normalization":
            continue
        values = []
        for variable in layer.weights:
            name = getattr(variable, "path", variable.name)
            shape = tuple(variable.shape)
            is_positive = "variance" in name or "gamma" in name
            values.append(random.uniform(0.5, 2, shape) if is_positive else random.normal(0, 0.4, shape))
        layer.set_weights(values)


def write_io(name, model, low=-1, high=1, lambdas=None):
    x = random.uniform(low, high, (1,) + tuple(model.input_shape[1:])).astype(np.float32)
    outputs = model(x, training=False)
    y = np.concatenate([np.asarray(o).ravel() for o in (outputs if isinstance(outputs, (list, tuple)) else [outputs])])
    numbers = lambda a: [float(f"{v:.9g}") for v in a.ravel()]
    with open(name + ".json", "w") as file:
        json.dump({"lambdas": lambdas or {}, "input_shape": list(x.shape), "input": numbers(x), "output": numbers(y)}, file)
        file.write("\n")
