# SPDX-License-Identifier: Apache-2.0
"""A small made-up recording in the Formula 1 format: a grey road with a red line that winds, on textured ground under a
sky. The pictures only have to look like camera frames to a network; nobody drives on them."""
import pathlib
import struct
import zlib

import numpy as np

HEIGHT, WIDTH = 480, 640


def png_bytes(image):
    """An RGB image (height, width, 3) of uint8 as a PNG file."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def draw_frame(bend, shift, generator):
    """The road ahead as a camera above it sees it; `bend` and `shift` in half widths of the picture."""
    image = np.empty((HEIGHT, WIDTH, 3), np.float32)
    image[:] = (70, 110, 60)
    image[: HEIGHT // 2] = np.linspace(235, 150, HEIGHT // 2)[:, None, None] * np.array([0.7, 0.85, 1])
    depth = np.linspace(0, 1, HEIGHT // 2)[:, None]  # 0 at the horizon
    center = WIDTH / 2 * (1 + bend * (1 - depth) ** 2 + shift * depth)
    distance = np.abs(np.arange(WIDTH)[None] - center)
    ground = image[HEIGHT // 2 :]
    ground[distance < 30 + 260 * depth] = (105, 105, 110)
    ground[distance < 2 + 14 * depth] = (200, 30, 25)
    texture = generator.normal(0, 9, (HEIGHT // 8, WIDTH // 8, 1)).repeat(8, axis=0).repeat(8, axis=1)
    image += texture + generator.normal(0, 3, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def write_recording(folder, frames=60, seed=1):
    """Writes 0.png … and data.csv; the label file comes last, so that a broken run leaves no recording."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    rows = ["image_name,v,w,timestamp"]
    for i in range(frames):
        bend, shift = np.sin(0.31 * i), 0.3 * np.sin(0.17 * i + 1)
        (folder / f"{i}.png").write_bytes(png_bytes(draw_frame(bend, shift, generator)))
        rows.append(f"{i}.png,{12 - 6 * abs(bend):.4f},{-2 * bend - shift:.4f},{i / 30:.4f}")
    (folder / "data.csv").write_text("\n".join(rows) + "\n")
