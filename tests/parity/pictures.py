# SPDX-License-Identifier: Apache-2.0
"""Pictures for the parity checks: a small synthetic recording, a thinned real one, and their preprocessing in numpy. It need
not equal slimpilot's to the bit, because both runtimes get its result."""
import csv
import pathlib

import numpy as np
from PIL import Image, ImageDraw

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def synthetic_picture(generator):
    """Sky, ground and a bent road with a red line; brightness and noise vary from picture to picture."""
    bend, shift, light = generator.uniform(-1, 1), generator.uniform(-80, 80), generator.uniform(0.4, 1)
    rows = np.linspace(0, 1, 480)[:, None, None]
    sky = np.array([120, 160, 220]) * (1 - rows) + np.array([230, 230, 240]) * rows
    ground = np.array([90, 120, 60]) * (1 - rows) + np.array([60, 70, 40]) * rows
    picture = Image.fromarray((np.where(rows < 0.5, sky, ground) * light * np.ones((1, 640, 1))).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    depths = np.linspace(0, 1, 40)
    middle = 320 + shift * depths + 260 * bend * (1 - depths) ** 2
    for half_width, color in ((220, (95, 95, 100)), (9, (210, 30, 30))):
        left = [(m - half_width * (0.05 + d), 240 + 240 * d) for m, d in zip(middle, depths)]
        right = [(m + half_width * (0.05 + d), 240 + 240 * d) for m, d in zip(middle, depths)]
        draw.polygon(left + right[::-1], fill=tuple(int(light * c) for c in color))
    noisy = np.asarray(picture) + generator.normal(0, generator.uniform(0, 12), (480, 640, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8), bend


def make_synthetic_recording(folder, count=150):
    """A recording in the Formula 1 format; returns its pictures' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(7)
    paths, lines = [], ["image_name,v,w,timestamp"]
    for i in range(count):
        pixels, bend = synthetic_picture(generator)
        paths.append(folder / f"{i}.png")
        Image.fromarray(pixels).save(paths[-1], compress_level=1)
        lines.append(f"{i}.png,{20 - 10 * abs(bend):.3f},{-3 * bend:.3f},{i * 0.05:.2f}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    return paths


def thin_udacity_recording(source, folder, count=220):
    """Evenly spaced rows of a Udacity recording as one of its own; returns their pictures' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(source / "driving_log.csv", newline="") as file:
        rows = list(csv.reader(file))
    rows = [rows[i] for i in np.linspace(0, len(rows) - 1, count).astype(int)]
    with open(folder / "driving_log.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "IMG").symlink_to((source / "IMG").resolve())
    return [folder / "IMG" / pathlib.PurePosixPath(row[0].replace("\\", "/")).name for row in rows]


def normalization(name):
    """(scale, offset) per channel of 0…255 values."""
    if name == "imagenet":
        return 1 / (255 * DEVIATION), -MEAN / DEVIATION
    return (1 / 255 if name == "unit" else 1.0), 0.0


def prepare(paths, shape, rows=None, color="rgb", normalize="none"):
    """float32 images [frame, row, column, channel] for a network input of `shape`."""
    scale, offset = normalization(normalize)
    frames = []
    for path in paths:
        picture = Image.open(path).convert("RGB")
        if rows:
            picture = picture.crop((0, rows[0], picture.width, rows[1]))
        x = np.asarray(picture.resize((shape[2], shape[1]), Image.BILINEAR), np.float64)
        frames.append((x[..., ::-1] if color == "bgr" else x) * scale + offset)
    return np.stack(frames).astype(np.float32)
