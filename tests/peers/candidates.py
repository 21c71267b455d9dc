# SPDX-License-Identifier: Apache-2.0
"""What every peer may choose from for a network: models in the forms it may like best, and settings. A choice is a command for
runtimes.Server by the name of the setting; where a runtime has none there is the reason as text."""
import json

import numpy as np
import onnx

import ncnn_files
import network_layers
import onednn_files
import tflite_to_onnx

UNLIMITED = ("ONNX Runtime", "LiteRT XNNPACK", "OpenVINO", "OpenVINO bf16", "ncnn")  # have no switch for the instruction set
PEERS = {
    "onnxruntime": ("ONNX Runtime",), "litert": ("LiteRT XNNPACK",), "openvino": ("OpenVINO", "OpenVINO bf16"),
    "ncnn": ("ncnn",), "torch": ("PyTorch",), "onednn": ("oneDNN",),
}  # fmt: skip
INTEGERS = (("u8", "s8"), ("s8", "s8"), ("u8", "u8"))  # activations and weights


class Candidates:
    """Writes all models into `folder`. `inputs`: frames with the channels last; `options.build`: where onednn_server may be;
    `options.torch_compile`: torch.compile is a choice; `options.peers`: who is wanted, of PEERS."""

    def __init__(self, folder, inputs, options):
        self.folder, self.build, self.compile = folder, options.build, options.torch_compile
        self.wanted = [name for peer in options.peers for name in PEERS[peer]]
        nchw = np.ascontiguousarray(inputs.transpose(0, 1, 4, 2, 3))
        np.save(folder / "nhwc.npy", inputs)
        np.save(folder / "nchw.npy", nchw)
        nchw.tofile(folder / "nchw.raw")
        tflite = (folder / "float32.tflite").read_bytes()
        for trans_b in (True, False):
            model = tflite_to_onnx.OnnxBuilder(tflite, trans_b=trans_b).build()
            onnx.save(model, folder / f"float32_transB{int(trans_b)}.onnx")
        self.float_model = folder / "float32_transB1.onnx"
        self.write_integer_models(tflite, nchw)
        network = network_layers.read_network(self.float_model)
        ranges = network_layers.value_ranges(self.float_model, nchw)
        for name, found in (("float", None), ("int8", ranges)):
            ncnn_files.NcnnFiles(network, found).write(folder / f"ncnn_{name}")
            onednn_files.write(network, folder / f"onednn_{name}", found)

    def write_integer_models(self, tflite, nchw):
        """QDQ models with float inputs and outputs, and the same with integer ones."""
        self.with_floats, self.integers_only = {}, {}
        for transposed in (False, True):
            plain = self.folder / f"to_quantize{int(transposed)}.onnx"
            onnx.save(tflite_to_onnx.OnnxBuilder(tflite, transposed).build(), plain)
            for activations, weights in INTEGERS:
                name = f"QDQ {activations}{weights}{', transposed before flatten' if transposed else ''}"
                path = self.folder / f"int8_{activations}{weights}_{int(transposed)}.onnx"
                integer_path = path.with_name("integers_" + path.name)
                tflite_to_onnx.quantize(plain, path, nchw[:, 0], activations, weights)
                model, source, target = tflite_to_onnx.integers_in_and_out(onnx.load(path))
                onnx.save(model, integer_path)
                self.with_floats[name] = {"model": str(path)}
                self.integers_only[name] = {"model": str(integer_path), "input_scale": source, "output_scale": target}

    def python(self, runtime, model, frames="nchw.npy", **settings):
        return {"runtime": runtime, "model": str(model), "frames": str(self.folder / frames)} | settings

    def onnx_models(self, runtime, technique, **settings):
        """The models for whom reads ONNX."""
        if technique == "float32":
            found = {f"Gemm transB={i}": {"model": str(self.folder / f"float32_transB{i}.onnx")} for i in (1, 0)}
        else:
            found = self.with_floats if technique == "int8_float_fallback" else self.integers_only
        return {name: self.python(runtime, **model, **settings) for name, model in found.items()}

    def openvino(self, technique):
        found = self.onnx_models("openvino", technique)
        if technique != "float32":
            found["NNCF, floats in and out"] = self.python("openvino", self.float_model, calibrate=True)
        return found

    def torch(self, technique):
        layouts = {"": False, ", channels last": True}
        if technique == "float32":
            found = {
                f"TorchScript, {how}{name}": self.python("torch", self.float_model, how=how, channels_last=layouts[name])
                for how, name in (("optimized", ""), ("optimized", ", channels last"), ("frozen", ", channels last"))
            }  # fmt: skip
            if self.compile:
                found["torch.compile"] = self.python("torch", self.float_model, how="compile")
            return found
        return {
            f"FX {backend}, TorchScript{name}, floats in and out":
                self.python("torch", self.float_model, channels_last=layouts[name], backend=backend)
            for backend, name in (("x86", ""), ("x86", ", channels last"), ("onednn", ", channels last"))
        }  # fmt: skip

    def ncnn(self, technique):
        if technique == "float32":
            options = {"its own choices": {}, "no Winograd": {"use_winograd_convolution": False},
                       "no sgemm": {"use_sgemm_convolution": False}}
            return {n: self.python("ncnn", self.folder / "ncnn_float", options=o) for n, o in options.items()}
        return {"int8, floats in and out": self.python("ncnn", self.folder / "ncnn_int8")}

    def onednn(self, technique):
        server = self.build / "onednn_server"
        if not server.exists():
            return "built without Debian's libdnnl-dev"
        name = "float" if technique == "float32" else "int8"
        words = [server, self.folder / f"onednn_{name}", self.folder / "nchw.raw"]
        return {"primitives": words + (["integers"] if technique == "int8_only" else [])}

    def choices(self, technique, isa):
        """By runtime: commands by setting, or why there are none."""
        found = {
            "ONNX Runtime": self.onnx_models("onnx", technique),
            "LiteRT XNNPACK": {"": self.python("litert", self.folder / f"{technique}.tflite", frames="nhwc.npy")},
            "OpenVINO": self.openvino(technique),
        }  # fmt: skip
        if technique == "float32":
            found["OpenVINO bf16"] = self.onnx_models("openvino", technique, precision="bf16")
        found |= {"ncnn": self.ncnn(technique), "PyTorch": self.torch(technique), "oneDNN": self.onednn(technique)}
        if isa == "avx2":
            found |= {name: "cannot be limited to avx2" for name in UNLIMITED if name in found}
        return {name: choices for name, choices in found.items() if name in self.wanted}


def key(command):
    """The same for the same command."""
    return json.dumps(command, default=str, sort_keys=True)
