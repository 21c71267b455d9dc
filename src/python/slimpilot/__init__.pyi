# SPDX-License-Identifier: Apache-2.0
"""Driving networks on slimpilot's engine.

    session = slimpilot.Session("model.slim")
    v, w = session.run(frame)  # uint8 (height, width, 3) to m/s and rad/s
"""

from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Error", "Output", "Session", "Tensor"]

class Error(ValueError):
    """The model or the frame cannot be used: what is wrong, where, and what to do."""

class Tensor:
    """An input of the network."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]:
        """The network's own type; float32 is taken for int8 and int16 too, and quantized."""
    @property
    def scale(self) -> float:
        """Integers stand for scale * (integer - zero_point)."""
    @property
    def zero_point(self) -> int: ...

class Output:
    """What one number of the result means: its value is minimum + x * (maximum - minimum) in `unit`, of the network's x."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str:
        """"m/s", "rad/s", …; empty where the model does not say."""
    @property
    def minimum(self) -> float: ...
    @property
    def maximum(self) -> float: ...

class Session:
    """A model, ready to run. It belongs to one thread at a time; the GIL is not held while it computes."""

    def __init__(
        self, path: str | PathLike[str], *, threads: int = 1, arithmetic: Literal["exact", "reduced"] = "exact"
    ) -> None:
        """Reads a .slim, .tflite, .onnx, .h5, .keras, .pth, .pt or .ckpt file with what it says of preprocessing and
        outputs; `slimpilot convert` adds what it does not say. `threads` compute a frame and change no result. Error
        for a file that cannot be read, ValueError for other arguments."""

    @property
    def inputs(self) -> list[Tensor]: ...
    @property
    def outputs(self) -> list[Output]:
        """One for each number that `run` returns."""
    @property
    def stateful(self) -> bool:
        """Whether results depend on the frames before."""
    @property
    def isa(self) -> str:
        """The instruction set that is used: "avx2", "neon", …"""
    def run(self, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The commands for a camera frame of shape (height, width, 3), red first, in the outputs' units. Crop, resize,
        colours and scaling are the model's. ValueError for another type or shape, or a size that does not fit."""
    def run_tensors(self, *tensors: NDArray[Any]) -> list[NDArray[np.float32]]:
        """The network's own outputs, as real numbers, for its own inputs: float32, or the input's own type. ValueError
        for another number, type or shape of inputs."""
    def measure(self, frame: NDArray[np.uint8], runs: int = 1000) -> NDArray[np.float64]:
        """Seconds that each of `runs` runs takes in the engine, from frame to commands, without Python around it. A
        stateful session remembers them like other frames."""
    def choose_kernels(self, frame: NDArray[np.uint8]) -> None:
        """Times the kernels on this machine, with a frame as the camera gives them, and uses the fastest from now on: a
        moment, at the start. No result changes; the frames before are forgotten."""
    def reset_state(self) -> None:
        """Forgets all frames before, where a drive begins."""
