"""Seeded inputs that look like what a model meets in use; plain noise would leave most detectors silent.

Each function: (rng, {input: shape}) → {input: array}.
"""
import functools

import numpy as np


def _waves(rng, height, width, count=6):
    """Smooth shades in about -1 … 1: a few plane waves of low frequency."""
    y, x = np.mgrid[0:1:height * 1j, 0:1:width * 1j]
    total = np.zeros((height, width))
    for _ in range(count):
        fy, fx, phase = rng.uniform(-6, 6), rng.uniform(-6, 6), rng.uniform(0, 2 * np.pi)
        total += np.cos(2 * np.pi * (fy * y + fx * x) + phase)
    return total / np.sqrt(count)


def one_by_one(sample):
    """A function of batches of one → one of any batches."""

    @functools.wraps(sample)
    def batches(rng, shapes):
        count = next(iter(shapes.values()))[0]
        parts = [sample(rng, {name: (1, *shape[1:]) for name, shape in shapes.items()}) for _ in range(count)]
        return {name: np.concatenate([part[name] for part in parts]) for name in shapes}

    return batches


def _picture(rng, shape):
    """Shades, a dozen rectangles and grain, 0 … 1."""
    _, channels, height, width = shape
    planes = np.stack([0.5 + 0.2 * _waves(rng, height, width) for _ in range(channels)])
    for _ in range(12):
        top, left = rng.integers(0, height * 3 // 4), rng.integers(0, width * 3 // 4)
        bottom, right = top + rng.integers(8, height // 3 + 9), left + rng.integers(8, width // 3 + 9)
        planes[:, top:bottom, left:right] = rng.uniform(0, 1, (channels, 1, 1))
    planes += 0.03 * rng.standard_normal(planes.shape)
    return np.clip(planes, 0, 1)[None]


@one_by_one
def unit_photo(rng, shapes):
    """Pixels as 0 … 1."""
    return {name: _picture(rng, shape).astype(np.float32) for name, shape in shapes.items()}


@one_by_one
def photo(rng, shapes):
    """Pixels with the mean and deviation of ImageNet taken out."""
    return {name: ((_picture(rng, shape) - 0.45) / 0.225).astype(np.float32) for name, shape in shapes.items()}


@one_by_one
def page(rng, shapes):
    """Dark strokes in lines on a light page, -1 … 1: enough like writing that a text model answers."""
    (name, (_, channels, height, width)), = shapes.items()
    sheet = np.full((height, width), 0.9) + 0.02 * _waves(rng, height, width)
    letter = 28 if height > 48 else 32
    for top in range((48 - letter) // 2, height - letter + 1, 64):
        left = 8
        while left + letter < width - 8:
            if rng.uniform() < 0.85:  # a letter: one or two bars down, one across
                for _ in range(rng.integers(1, 3)):
                    bar = left + rng.integers(0, letter // 2)
                    sheet[top : top + letter, bar : bar + 4] = 0.1
                bar = top + rng.integers(0, letter - 4)
                sheet[bar : bar + 4, left : left + letter // 2] = 0.1
            left += letter * 2 // 3
    pixels = np.clip(sheet + 0.02 * rng.standard_normal((channels, height, width)), 0, 1)
    return {name: (2 * pixels - 1)[None].astype(np.float32)}


@one_by_one
def file_bytes(rng, shapes):
    """The first and last kilobyte of a small text file, 256 where there is none: how magika sees a file."""
    (name, shape), = shapes.items()
    words = [b"import", b"return", b"value", b"def", b"for", b"(x):", b"#", b"=", b"range", b"\n    "]
    text = b" ".join(words[k] for k in rng.integers(0, len(words), 150))[:900]
    data = np.full(shape, 256, np.int32)
    data[0, : len(text)] = np.frombuffer(text, np.uint8)
    data[0, shape[1] - len(text) :] = np.frombuffer(text, np.uint8)
    return {name: data}


@one_by_one
def spectrogram(rng, shapes):
    """Log-mel frames: loud and quiet stretches over a fixed tilt."""
    (name, (batch, frames, bands, channels)), = shapes.items()
    loudness = np.repeat(rng.uniform(-1, 2, frames // 4 + 1), 4)[:frames]
    values = loudness[:, None] + np.linspace(1, -1, bands) + 0.5 * rng.standard_normal((frames, bands))
    return {name: values.reshape(batch, frames, bands, channels).astype(np.float32)}


@one_by_one
def chord(rng, shapes):
    """Two seconds of three plucked tones with overtones, at 22050 Hz."""
    (name, (batch, samples, channels)), = shapes.items()
    time = np.arange(samples) / 22050
    sound = 0.002 * rng.standard_normal(samples)
    for note in rng.choice(np.arange(48, 72), 3, replace=False):
        pitch, start = 440 * 2 ** ((note - 69) / 12), rng.uniform(0, 0.5)
        envelope = np.where(time >= start, np.exp(-2 * np.maximum(time - start, 0)), 0)
        sound += sum(0.2 / k * envelope * np.sin(2 * np.pi * k * pitch * time) for k in range(1, 5))
    return {name: sound.reshape(batch, samples, channels).astype(np.float32)}


def tokens(rng, shapes):
    """A sentence of WordPiece ids with its marks, then padding."""
    batch, length = shapes["input_ids"]
    words = length * 3 // 4
    ids = np.zeros((batch, length), np.int64)
    ids[:, 0] = 101
    if words > 0:
        ids[:, 1:words], ids[:, words] = rng.integers(1996, 20000, (batch, words - 1)), 102
    mask = (np.arange(length) <= words).astype(np.int64) * np.ones((batch, 1), np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros((batch, length), np.int64)}


def words(rng, shapes):
    """Any of a small vocabulary, and for inputs of floats what a normalised layer leaves."""
    return {name: rng.integers(0, 16384, shape) if name == "input_ids" else rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def phonemes(rng, shapes):
    """A sentence: a beginning, phonemes with a pad behind each, an end; how it is spoken; and the noise that the voice is made of."""
    length = shapes["input"][1]
    ids = np.zeros((1, length), np.int64)
    ids[0, 2::2] = rng.integers(14, 60, (length - 1) // 2)
    ids[0, 0], ids[0, -1] = 1, 2
    noise = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items() if name.startswith("noise")}
    return {"input": ids, "input_lengths": np.array([length]), "scales": np.array([0.667, 1, 0.8], np.float32), **noise}


def speech(rng, shapes):
    """A moment of a voice, or of silence: harmonics of a pitch that glides, louder and softer, and a little noise; for a model that is told
    16000 Hz, or 8000 where there are few samples. States are zeros."""
    batch, samples = shapes["input"]
    time = (np.arange(samples) + rng.integers(0, 1 << 16)) / 16000
    pitch = 2 * np.pi * (120 * time - 8 * np.cos(5 * time))
    voice = sum(np.sin(k * pitch) / k for k in range(1, 12)) * (np.sin(6 * time) > -0.2)
    sound = 0.2 * rng.uniform(0, 1, (batch, 1)) * voice + 0.005 * rng.standard_normal((batch, samples))
    return {"input": sound.astype(np.float32), "state": np.zeros(shapes["state"], np.float32), "sr": np.array(8000 if samples < 512 else 16000)}
