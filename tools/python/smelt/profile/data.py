"""Samples: which are for calibration, and which for evaluation."""
import dataclasses
import hashlib
import pathlib
import zipfile

import numpy as np

from ..runtime import SmeltError

CALIBRATION, EVALUATION = "calibration", "evaluation"
SEED, SEEDED = 1, 8  # samples, where the user has none


@dataclasses.dataclass(frozen=True)
class Data:
    """Paths of .npz files; `where` is what the user named, in words."""

    calibration: tuple
    evaluation: tuple
    where: str

    @property
    def key(self):
        """Changes with the content, not with the place."""
        digest = hashlib.sha256()
        for paths in (self.calibration, self.evaluation):
            for path in paths:
                digest.update(hashlib.sha256(pathlib.Path(path).read_bytes()).digest())
            digest.update(b"|")
        return digest.hexdigest()


def read(path):
    """{name: array} of a .npz file. Raises SmeltError."""
    try:
        archive = np.load(path)
        if isinstance(archive, np.ndarray):
            raise ValueError("it holds one array without a name")
        with archive:
            return dict(archive)
    except FileNotFoundError as error:
        raise SmeltError(f"{path}: {error.strerror}", 5) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SmeltError(f"{path}: not a .npz file of arrays: {error}", 3) from error


def _files(folder):
    return tuple(sorted(path for path in folder.iterdir() if path.suffix == ".npz"))


def find(text):
    """Of --data: a folder with calibration/ and evaluation/ in it; a folder of samples, of which every second is for evaluation; or one file, which is
    both. Raises SmeltError."""
    path = pathlib.Path(text)
    try:
        if not path.is_dir():
            read(path)
            return Data((path,), (path,), text)
        parts = [path / use for use in (CALIBRATION, EVALUATION)]
        if all(part.is_dir() for part in parts):
            found = [_files(part) for part in parts]
            for part, files in zip(parts, found):
                if not files:
                    raise SmeltError(f"--data {part}: there is no .npz file in this folder", 2)
            return Data(*found, text)
        files = _files(path)
    except OSError as error:
        raise SmeltError(f"--data {text}: {error.strerror}", 5) from error
    if not files:
        raise SmeltError(f"--data {text}: there is no .npz file in this folder", 2)
    return Data(files[::2], files[1::2] or files, text)


def seeded(inputs, folder):
    """Random samples for a model's inputs, as `smelt inspect --json` tells of them: floats from the normal distribution, integers 0 or 1."""
    rng = np.random.default_rng(SEED)
    for number in range(SEEDED):
        arrays = {}
        for value in inputs:
            shape, dtype = value["shape"], value["dtype"]
            if any(not isinstance(extent, int) or extent < 0 for extent in shape):
                raise SmeltError(f"input '{value['name']}' has open dims; give samples with --data, or fix the dims with --shape", 2)
            numbers = rng.standard_normal(shape) if dtype.startswith(("f", "bf")) else rng.integers(0, 2, shape)
            arrays[value["name"]] = np.asarray(numbers, _NUMPY.get(dtype, dtype))
        np.savez(folder / f"{number}.npz", **arrays)
    files = _files(folder)
    return Data(files, files, "seeded inputs")


_NUMPY = {"f16": "float16", "f32": "float32", "f64": "float64", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8",
          "u16": "uint16", "u32": "uint32", "u64": "uint64", "bool": "bool", "i1": "bool"}


def for_calibration(data, inputs, folder):
    """A folder with the calibration samples alone, and of them only the arrays that are inputs."""
    for number, path in enumerate(data.calibration):
        arrays = read(path)
        missing = inputs - set(arrays)
        if missing:
            raise SmeltError(f"{path}: has no array '{sorted(missing)[0]}', which is an input of the model", 2)
        np.savez(folder / f"{number:06}.npz", **{name: arrays[name] for name in inputs})
    return folder
