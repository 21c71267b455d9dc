# SPDX-License-Identifier: Apache-2.0
"""Makes the golden ONNX files: a small network as PyTorch's two exporters write it, and ONNX Runtime's quantization of it in both
forms. outputs.json has what ONNX Runtime computes of an image whose element i (channels first) is (37·i mod 256) / 255.

usage: make_onnx_models.py, with the packages of scripts/parity
"""
import json
import logging
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "parity"))
import onnx_networks  # noqa: E402


class Frames(quantization.CalibrationDataReader):
    def __init__(self, name, frames):
        self.left = iter([{name: frame[None]} for frame in frames])

    def get_next(self):
        return next(self.left, None)


def main():
    logging.disable(logging.WARNING)
    image = ((37 * np.arange(3 * 40 * 60)) % 256 / 255).astype(np.float32).reshape(1, 3, 40, 60)
    frames = np.concatenate([image, 1 - image, image[..., ::-1]])
    with tempfile.TemporaryDirectory() as folder:
        for name, path, _ in onnx_networks.exports(pathlib.Path(folder)):
            if not name.startswith("Branches"):
                continue
            onnx.save(onnx.load(path), HERE / f"{name.split()[1]}.onnx")
    source = HERE / "legacy.onnx"
    for form in (quantization.QuantFormat.QDQ, quantization.QuantFormat.QOperator):
        quantization.quantize_static(
            source, HERE / f"{str(form).lower()}.onnx", Frames("image", frames), quant_format=form, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=onnx_networks.QUANTIZED,
        )  # fmt: skip
    outputs = {}
    for path in sorted(HERE.glob("*.onnx")):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        results = session.run(None, {session.get_inputs()[0].name: image})
        outputs[path.name] = [float(one) for result in results for one in result.ravel()]
    (HERE / "outputs.json").write_text(json.dumps(outputs, indent=1) + "\n")


if __name__ == "__main__":
    main()
