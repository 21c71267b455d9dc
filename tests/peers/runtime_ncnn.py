# SPDX-License-Identifier: Apache-2.0
"""ncnn on the files of ncnn_files.py, with memory pools of its own. An extractor per run, as it wants."""
import ncnn
import numpy as np

from runtime_frames import ServedRuntime


class Ncnn(ServedRuntime):
    """`model`: the files' path without ending. `options`: of ncnn, beside those that keep floats in 32 bits."""

    def __init__(self, model, frames, threads, options=None):
        super().__init__(frames)
        self.pools = [ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()]
        self.net = self.new_net(threads, options or {})
        if self.net.load_param(model + ".param") or self.net.load_model(model + ".bin"):
            raise RuntimeError("ncnn cannot read the files")
        self.names = self.net.input_names()[0], self.net.output_names()[0]
        self.empty = self.new_net(threads, options or {})
        if self.empty.load_param_mem("7767517\n2 2\nInput a 0 1 a 0=1 1=1 2=1\nNoop b 1 1 a b\n"):
            raise RuntimeError("ncnn does not take a network without layers")
        self.nothing, self.output = ncnn.Mat(np.zeros((1, 1, 1), np.float32)).clone(), None

    def new_net(self, threads, options):
        net = ncnn.Net()
        settings = {"num_threads": threads, "use_fp16_packed": False, "use_fp16_storage": False, "use_fp16_arithmetic": False,
                    "use_bf16_storage": False, "blob_allocator": self.pools[0], "workspace_allocator": self.pools[1]}
        for name, value in (settings | options).items():
            setattr(net.opt, name, value)
        return net

    def load(self, frame):
        self.input = ncnn.Mat(self.frames[frame][0]).clone()  # it may write into its input

    def extract(self, net, names, value):
        extractor = net.create_extractor()
        extractor.input(names[0], value)
        return extractor.extract(names[1])[1]

    def infer(self):
        self.output = self.extract(self.net, self.names, self.input)

    def infer_empty(self):
        self.extract(self.empty, ("a", "b"), self.nothing)

    def result(self):
        return np.array(self.output).ravel().astype(np.float64)
