"""vit_s: where in a photograph the eye goes."""
import numpy as np

import pictures
import samples
from pictures import CALIBRATION, EVALUATION

SEED = 13
SIZE = 224
MEAN, DEVIATION = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
THRESHOLD = 0.8  # of a map stretched to 0 … 1: the package's own
PARTS = {CALIBRATION: 2, EVALUATION: 3}  # of each photograph, besides the whole


def _feed(pixels):
    """As the package does it: the longer side to 224, black around, ImageNet's mean and deviation taken out. Also what part of it is picture."""
    import cv2

    height, width = pixels.shape[:2]
    scale = SIZE / max(height, width)
    height, width = max(round(height * scale), 1), max(round(width * scale), 1)
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)[:, :, ::-1]  # to red, green, blue
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    filled = np.zeros((SIZE, SIZE, 3), np.uint8)
    filled[top : top + height, left : left + width] = small
    values = ((filled / 255 - MEAN) / DEVIATION).astype(np.float32)
    return values.transpose(2, 0, 1)[None], np.array((top, left, height, width))


def _part(rng, pixels):
    """A half to nine tenths of the picture, at times mirrored."""
    height, width = (int(extent * rng.uniform(0.5, 0.9)) for extent in pixels.shape[:2])
    top, left = rng.integers(0, pixels.shape[0] - height), rng.integers(0, pixels.shape[1] - width)
    part = pixels[top : top + height, left : left + width]
    return part[:, ::-1] if rng.uniform() < 0.5 else part


def prepare():
    for use, count in PARTS.items():
        rng = np.random.default_rng([SEED, len(use)])
        for picture in pictures.photographs(use):
            for pixels in (picture.pixels, *(_part(rng, picture.pixels) for _ in range(count))):
                image, place = _feed(pixels)
                yield use, {"input_image": image} | ({"place": place} if use == EVALUATION else {})


def _map(outputs, place):
    """The map of the picture without what was put around it."""
    import cv2

    (heat,) = outputs.values()
    top, left, height, width = place
    return cv2.resize(heat.squeeze().astype(np.float32), (SIZE, SIZE))[top : top + height, left : left + width]


def _mask(heat):
    return heat - heat.min() >= THRESHOLD * (heat.max() - heat.min())


def score(runs, evaluation):
    """The mean cosine of the maps; also how far regions of interest, as the package cuts them out, cover each other."""
    cosines, both, either = [], 0, 0
    for feeds in evaluation:
        place = feeds.pop("place")
        exact, rounded = (_map(run(feeds), place) for run in runs)
        cosines.append(samples.cosine(exact, rounded))
        both += int((_mask(exact) & _mask(rounded)).sum())
        either += int((_mask(exact) | _mask(rounded)).sum())
    return float(np.mean(cosines)), {"pictures": len(cosines), "least": min(cosines), "iou_of_regions": both / max(either, 1)}


TASKS = (samples.Task("vit_s", "mean cosine of the maps", 0.99, prepare, score),)
