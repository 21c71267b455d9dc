# SPDX-License-Identifier: Apache-2.0
"""The float weights of a .tflite file, read without any package: just as much of a flatbuffer as that takes."""
import struct

import numpy as np

# Places of the fields that are read in TensorFlow Lite's schema.
SUBGRAPHS, BUFFERS, TENSORS, OPERATORS = 2, 4, 0, 3
SHAPE, TYPE, BUFFER, INPUTS, DATA = 0, 1, 2, 1, 0
FLOAT32 = 0


class Table:
    """A table of a flatbuffer; a field that is absent is None or an empty list."""

    def __init__(self, file, position):
        self.file, self.position = file, position

    def field(self, index):
        """Where a field lies."""
        (back,) = struct.unpack_from("<i", self.file, self.position)
        start = self.position - back
        (size,) = struct.unpack_from("<H", self.file, start)
        offset = struct.unpack_from("<H", self.file, start + 4 + 2 * index)[0] if 4 + 2 * index < size else 0
        return self.position + offset if offset else None

    def number(self, index, kind):
        place = self.field(index)
        return 0 if place is None else struct.unpack_from("<" + kind, self.file, place)[0]

    def vector(self, index, dtype):
        place = self.field(index)
        if place is None:
            return np.empty(0, dtype)
        start = place + struct.unpack_from("<I", self.file, place)[0]
        return np.frombuffer(self.file, dtype, struct.unpack_from("<I", self.file, start)[0], start + 4)

    def tables(self, index):
        first = self.field(index) + struct.unpack_from("<I", self.file, self.field(index))[0] + 4
        offsets = self.vector(index, np.dtype("<u4"))
        return [Table(self.file, first + 4 * i + int(offset)) for i, offset in enumerate(offsets)]


def float_weights(path):
    """The float constants that operators read, in the operators' order, as arrays of the file's shapes."""
    file = path.read_bytes()
    model = Table(file, struct.unpack_from("<I", file, 0)[0])
    buffers, graph = model.tables(BUFFERS), model.tables(SUBGRAPHS)[0]
    tensors, weights = graph.tables(TENSORS), []
    for operator in graph.tables(OPERATORS):
        for index in operator.vector(INPUTS, np.dtype("<i4")):
            data = buffers[tensors[index].number(BUFFER, "I")].vector(DATA, np.uint8) if index >= 0 else np.empty(0)
            if data.size and tensors[index].number(TYPE, "b") == FLOAT32:
                weights.append(data.view("<f4").reshape(tensors[index].vector(SHAPE, np.dtype("<i4"))))
    return weights
