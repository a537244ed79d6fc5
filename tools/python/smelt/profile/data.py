"""Samples: which are for calibration, and which for evaluation."""
import dataclasses
import hashlib
import pathlib
import zipfile
import zlib

import numpy as np

from ..runtime import SmeltError

CALIBRATION, EVALUATION = "calibration", "evaluation"
ARRAY, IMAGES = ".npy", (".png", ".jpg", ".jpeg", ".webp")
SEED, SEEDED = 1, 8  # samples, where the user has none


@dataclasses.dataclass(frozen=True)
class Data:
    """Paths of .npz and .npy files; `where` is what the user named, in words; `images` are {path: the image that it was made of}."""

    calibration: tuple
    evaluation: tuple
    where: str
    images: dict = dataclasses.field(default_factory=dict)

    @property
    def key(self):
        """Changes with the content, not with the place."""
        digest = hashlib.sha256()
        for paths in (self.calibration, self.evaluation):
            for path in paths:
                digest.update(hashlib.sha256(pathlib.Path(path).read_bytes()).digest())
            digest.update(b"|")
        return digest.hexdigest()


def read(path, inputs=()):
    """{name: array} of a .npz file, or of a .npy file, which has that of the model's only input; `inputs` are the names of all. Raises SmeltError."""
    suffix = pathlib.Path(path).suffix
    try:
        archive = np.load(path)
        if isinstance(archive, np.ndarray) != (suffix == ARRAY):
            raise ValueError("it holds one array without a name" if suffix != ARRAY else "it holds several arrays")
        if suffix != ARRAY:
            with archive:
                return dict(archive)
    except FileNotFoundError as error:
        raise SmeltError(f"{path}: {error.strerror}", 5) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SmeltError(f"{path}: not a {ARRAY if suffix == ARRAY else '.npz'} file of arrays: {error}", 3) from error
    if len(inputs) != 1:
        raise SmeltError(f"{path}: is one array, and the model has {len(inputs)} inputs; give .npz files with one array for each of them", 2)
    return {next(iter(inputs)): archive}


def _files(folder):
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in (".npz", ARRAY)))


def _none_in(place):
    """That a folder has no arrays, and what it has instead."""
    if image := next((path.name for path in sorted(pathlib.Path(place).iterdir()) if path.suffix.lower() in IMAGES), None):
        return SmeltError(f"--data {place}: has images ({image}); --calibration-preprocess says how they become the model's input, as "
                          "resize=256,crop=224,scale=1/255", 2)
    return SmeltError(f"--data {place}: there is no .npz or .npy file in this folder", 2)


class Images:
    """Makes arrays of images, each folder's in one of its own under `scratch`, as `smelt compile --calibration-preprocess` does."""

    def __init__(self, preprocessing, call, scratch):
        """`call` runs smelt."""
        self._preprocessing, self._call, self._scratch = preprocessing, call, scratch
        self.found = {}  # {path of an array: the image}

    def __call__(self, path):
        folder = self._scratch / str(len(list(self._scratch.iterdir())))
        folder.mkdir()
        try:
            self._call("prepare-images", path, "--calibration-preprocess", self._preprocessing, "-o", folder)
        except SmeltError as error:
            raise SmeltError(str(error).replace("--calibration ", "--data "), error.exit_code) from error
        files = _files(folder)
        self.found.update((str(file), file.with_suffix(".name").read_text()) for file in files)
        return files


def find(text, images=None):
    """Of --data: a folder with calibration/ and evaluation/ in it; a folder of samples, of which every second is for evaluation; or one file, which is
    both. With `images` (Images) samples are images. Raises SmeltError."""
    path = pathlib.Path(text)
    files_of, made = images or _files, images.found if images else {}
    try:
        if not path.is_dir():
            if not path.exists():
                raise SmeltError(f"--data {text}: No such file or directory", 5)
            files = files_of(path) if images else (path,)
            return Data(files, files, text, made)
        parts = [path / use for use in (CALIBRATION, EVALUATION)]
        if all(part.is_dir() for part in parts):
            found = [files_of(part) for part in parts]
            for part, files in zip(parts, found):
                if not files:
                    raise _none_in(part)
            return Data(*found, text, made)
        files = files_of(path)
    except OSError as error:
        raise SmeltError(f"--data {text}: {error.strerror}", 5) from error
    if not files:
        raise _none_in(path)
    return Data(files[::2], files[1::2] or files, text, made)


_NUMPY = {"f16": "float16", "f32": "float32", "f64": "float64", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8",
          "u16": "uint16", "u32": "uint32", "u64": "uint64", "bool": "bool", "i1": "bool",
          "ui8": "uint8", "ui16": "uint16", "ui32": "uint32", "ui64": "uint64"}  # as files call them, and as artefacts do


def _random(value, rng):
    """An array for an input, as `smelt inspect --json` tells of it. Raises SmeltError where none can be made up."""
    name, shape, type_ = value["name"], value.get("shape"), value.get("type")
    if type_ != "bf16" and type_ not in _NUMPY or not isinstance(shape, list):
        raise SmeltError(f"input '{name}' is of type {type_}, of which no inputs are made up; give samples with --data", 2)
    if any(not isinstance(extent, int) or extent < 0 for extent in shape):
        raise SmeltError(f"input '{name}' has open dims; give samples with --data, or fix the dims with --shape", 2)
    if type_ == "bf16":  # NumPy has no such type: the upper halves of f32
        return (rng.standard_normal(shape).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    if type_.startswith("f"):
        return np.asarray(rng.standard_normal(shape), _NUMPY[type_])
    least, most = value.get("range", (0, 1))
    most = most if most - least < 1 << 16 else least + 1  # a wider range has no end that the model was made for
    return np.asarray(rng.integers(least, most, shape, _NUMPY["i64" if _NUMPY[type_] == "bool" else type_], endpoint=True), _NUMPY[type_])


def seeded(inputs, folder):
    """Random samples for a model's inputs, as `smelt inspect --json` tells of them: floats from the normal distribution, integers from
    their range, 0 or 1 where they have none."""
    rng = np.random.default_rng(SEED)
    for number in range(SEEDED):
        np.savez(folder / f"{number}.npz", **{value["name"]: _random(value, rng) for value in inputs})
    files = _files(folder)
    return Data(files, files, "seeded inputs")


def _checked(path, inputs):
    """A sample's arrays. Raises SmeltError where an input is missing, or has NaN, by which nothing can be measured."""
    arrays = read(path, inputs)
    missing = inputs - set(arrays)
    if missing:
        raise SmeltError(f"{path}: has no array '{sorted(missing)[0]}', which is an input of the model", 2)
    for name in sorted(inputs):
        if np.issubdtype(arrays[name].dtype, np.inexact) and (found := np.isnan(arrays[name])).any():
            raise SmeltError(f"{path}: input '{name}' has NaN at element {int(found.argmax())}, which tells nothing about a model; leave this sample out", 2)
    return arrays


def for_calibration(data, inputs, folder):
    """{path: the user's file} of the calibration samples alone in `folder`, each with only those arrays that are inputs."""
    names = {}
    for number, path in enumerate(data.calibration):
        arrays, made = _checked(path, inputs), folder / f"{number:06}.npz"
        np.savez(made, **{name: arrays[name] for name in inputs})
        names[str(made)] = str(path)
    return names


def for_evaluation(data, inputs, folder):
    """The paths of the evaluation samples as .npz files, of which those that are not the user's own are made in `folder`; and {path: the user's file} of
    these."""
    paths, names = [], {}
    for number, path in enumerate(data.evaluation):
        arrays = _checked(path, inputs)
        if path.suffix == ARRAY:
            made = folder / f"{number:06}.npz"
            np.savez(made, **arrays)
            names[str(made)], path = str(path), made
        paths.append(str(path))
    return tuple(paths), names
