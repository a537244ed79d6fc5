"""Photographs and pages with their pixels as OpenCV has them: height × width × (blue, green, red), 8 bits.

Each file is for calibration or for evaluation, never for both: sides of stereo pairs, frames of one film and pages of one document stay together.
"""
import dataclasses
import functools

import numpy as np

import sources

CALIBRATION, EVALUATION = "calibration", "evaluation"
MOST_SIDE = 2000  # of a picture, as RapidOCR scales those that are larger
PAGE_SCALE = 2.0  # pixels of a rendered page for each point of 1/72 inch: 144 dots an inch


@dataclasses.dataclass(frozen=True)
class Picture:
    name: str
    pixels: np.ndarray


def _opencv(*stems):
    return tuple(("opencv-doc", f"examples/data/{stem}") for stem in stems)


# (package, pattern of its files)
PHOTOGRAPHS = {
    CALIBRATION: (("lomiri-wallpapers-16.04", "*.jpg"), ("lomiri-wallpapers-20.04", "*.jpg"), ("mate-backgrounds", "nature/*.jpg"),
                  *_opencv("aero1.jpg", "aloeL.jpg", "apple.jpg", "basketball1.png", "butterfly.jpg", "chicky_512.png", "ela_original.jpg", "fruits.jpg",
                           "home.jpg", "left01.jpg", "leuvenA.jpg", "rubberwhale1.png", "squirrel_cls.jpg")),
    EVALUATION: (("scikit-learn==1.9.1", "datasets/images/*.jpg"), ("matplotlib==3.11.2", "sample_data/grace_hopper.jpg"),
                 *(("scikit-image==0.26.0", f"skimage/data/{stem}") for stem in (
                     "astronaut.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png", "motorcycle_left.png", "rocket.jpg")),
                 *_opencv("baboon.jpg", "building.jpg", "graf1.png", "messi5.jpg", "orange.jpg", "pic2.png", "smarties.png", "starry_night.jpg",
                          "stuff.jpg"),
                 ("opencv-doc", "examples/hfs/data/*.jpg"), ("opencv-doc", "input_images/plant.jpg"), ("opencv-doc", "ximgproc/stanford.png")),
}
# Photographs, screens and plots with writing in them.
WRITING = {
    CALIBRATION: (("opencv-doc", "examples/text/scenetext0[135].jpg"), ("opencv-doc", "examples/text/scenetext_segmented_word0[135].jpg"),
                  *_opencv("board.jpg", "box_in_scene.png", "licenseplate_motion.jpg", "text_defocus.jpg"), ("octave-doc", "octave.html/[eghp]*.png")),
    EVALUATION: (("opencv-doc", "examples/text/scenetext0[246].jpg"), ("opencv-doc", "examples/text/scenetext_segmented_word0[24].jpg"),
                 *_opencv("cards.png", "imageTextN.png", "imageTextR.png", "sudoku.png", "text_motion.jpg"),
                 ("scikit-image==0.26.0", "skimage/data/page.png"), ("scikit-image==0.26.0", "skimage/data/text.png"),
                 ("klettres-data", "HTML/en/klettres/klettres*.png")),
}
# (package, document, how many of its pages, evenly spread)
DOCUMENTS = {
    CALIBRATION: (("octave-doc", "doc/octave/octave.pdf", 10), ("octave-doc", "doc/octave/refcard-a4.pdf", 2), ("maint-guide-zh-cn", "*.pdf", 10)),
    EVALUATION: (("gnuplot-doc", "*.pdf", 12), ("developers-reference", "*.pdf", 8), ("debian-reference-zh-cn", "*.pdf", 12)),
}


def _decode(name, data):
    """The picture, no side longer than MOST_SIDE."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise sources.Missing(f"{name}: not an image that OpenCV reads")
    scale = MOST_SIDE / max(pixels.shape)
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Picture(name, pixels)


def _read(table, use):
    return [_decode(name, data) for package, pattern in table[use] for name, data in sources.files(package, pattern)]


@functools.cache
def photographs(use):
    return _read(PHOTOGRAPHS, use)


@functools.cache
def writing(use):
    return _read(WRITING, use)


def _pages(name, data, count):
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    try:
        # Not from the first: covers and tables of contents are all alike.
        numbers = np.linspace(len(document) // 10, len(document) - 1, min(count, len(document)), dtype=int)
        return [Picture(f"{name}:{number}", document[int(number)].render(scale=PAGE_SCALE).to_numpy()[:, :, :3].copy()) for number in np.unique(numbers)]
    finally:
        document.close()


@functools.cache
def pages(use):
    return [page for package, pattern, count in DOCUMENTS[use] for name, data in sources.files(package, pattern)[:1] for page in _pages(name, data, count)]


def window(rng, pixels, size):
    """A part of size × size at a random place, filled up with the mean of what is there where the picture is smaller."""
    height, width = pixels.shape[:2]
    top, left = rng.integers(0, max(height - size, 0) + 1), rng.integers(0, max(width - size, 0) + 1)
    part = pixels[top : top + size, left : left + size]
    filled = np.empty((size, size, 3), np.uint8)
    filled[:] = part.mean((0, 1)).astype(np.uint8)
    filled[: part.shape[0], : part.shape[1]] = part
    return filled
