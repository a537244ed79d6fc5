"""ppocr4_det and ppocr4_rec: where text is on photographs and pages, and what it says; around the networks as RapidOCR does it."""
import functools
import gzip
import io

import numpy as np

import models
import pictures
import samples
import sentences
import sources
from pictures import CALIBRATION, EVALUATION
from smelt.profile.metrics import edits

SEED = 14
SIDE = models.MODELS["ppocr4_det"].shapes["x"][2]
HEIGHT, WIDTH = models.MODELS["ppocr4_rec"].shapes["x"][2:]
LEAST_SIDE = 736  # RapidOCR enlarges pictures whose shorter side is less
THRESHOLD, UNCLIP, LEAST_HEIGHT = 0.3, 1.6, 8
# Parts of pictures, of each kind of them: of one picture several, at random places, where there are fewer.
WINDOWS = {CALIBRATION: {"photographs": 24, "writing": 24, "pages": 52}, EVALUATION: {"photographs": 16, "writing": 24, "pages": 60}}
CROPPED, RENDERED = {CALIBRATION: 60, EVALUATION: 240}, {CALIBRATION: 40, EVALUATION: 200}
MOST_OF_A_WINDOW = 10  # lines
CHINESE = {CALIBRATION: ("maint-guide-zh-cn", "*.txt.gz"), EVALUATION: ("debian-reference-zh-cn", "*.txt.gz")}
LATIN_FONTS = (("fonts-liberation", "Liberation*.ttf"), ("fonts-lato", "Lato-[BRMIL]*.ttf"))
CHINESE_FONTS = (("fonts-wqy-microhei", "*.ttc"),)


def _normalised(pixels):
    return (2 * (pixels.astype(np.float32) / 255) - 1).transpose(2, 0, 1)[None]


def _enlarged(pixels):
    import cv2

    scale = LEAST_SIDE / min(pixels.shape[:2])
    return cv2.resize(pixels, None, fx=scale, fy=scale) if scale > 1 else pixels


@functools.cache
def _windows(use):
    """Parts of pictures as the detector sees them."""
    rng = np.random.default_rng([SEED, len(use)])
    found = []
    for kind, count in WINDOWS[use].items():
        all_ = getattr(pictures, kind)(use)
        found += [pictures.window(rng, _enlarged(all_[k % len(all_)].pixels), SIDE) for k in range(count)]
    return found


def prepare_detection():
    for use in WINDOWS:
        for pixels in _windows(use):
            yield use, {"x": _normalised(pixels)}


def _mask(outputs):
    (probabilities,) = outputs.values()
    return probabilities.squeeze() > THRESHOLD


def score_detection(runs, evaluation):
    """Intersection over union of the masks of text, of all pictures together."""
    both, either, each = 0, 0, []
    for feeds in evaluation:
        exact, rounded = (_mask(run(feeds)) for run in runs)
        common, all_ = int((exact & rounded).sum()), int((exact | rounded).sum())
        both, either = both + common, either + all_
        if exact.any():
            each.append(common / all_)
    return both / max(either, 1), {"pictures_with_text": len(each), "mean_of_pictures": float(np.mean(each)), "least": min(each)}


def _boxes(mask):
    """(top, left, bottom, right) of each stretch of text, made larger again as the detector's training made them smaller."""
    import cv2

    count, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for left, top, width, height, _ in statistics[1:count].tolist():
        around = round(width * height * UNCLIP / (2 * (width + height)))
        box = max(top - around, 0), max(left - around, 0), min(top + height + around, SIDE), min(left + width + around, SIDE)
        if box[2] - box[0] >= LEAST_HEIGHT and box[3] - box[1] >= box[2] - box[0]:
            yield box


def _pieces(line):
    """A line that is too long for the network, cut where it is emptiest."""
    most = line.shape[0] * WIDTH // HEIGHT
    while line.shape[1] > most:
        contrast = line[:, most * 2 // 3 : most].astype(np.int32).std((0, 2))
        cut = most * 2 // 3 + int(contrast.argmin())
        yield line[:, :cut]
        line = line[:, cut:]
    if line.shape[1] > line.shape[0]:
        yield line


def _line(pixels):
    """As the recogniser sees a line: 48 pixels high, with grey behind."""
    import cv2

    width = min(int(np.ceil(HEIGHT * pixels.shape[1] / pixels.shape[0])), WIDTH)
    values = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    values[..., :width] = _normalised(cv2.resize(pixels, (width, HEIGHT)))
    return values


def _cropped(use):
    """Lines that the detector, exact, finds on photographs and pages."""
    detect = models.reference_of(models.fetch("ppocr4_det"))
    found = []
    for number, pixels in enumerate(_windows(use)):
        lines = [piece for top, left, bottom, right in _boxes(_mask(detect({"x": _normalised(pixels)})))
                 for piece in _pieces(pixels[top:bottom, left:right])]
        found += samples.shuffled(lines, [SEED, number])[:MOST_OF_A_WINDOW]
    return samples.shuffled(found, SEED)[: CROPPED[use]]


def _chinese(use):
    (_, data), *_ = sources.files(*CHINESE[use])
    lines = (line.strip() for line in gzip.decompress(data).decode().splitlines())
    return samples.shuffled(dict.fromkeys(line[:18] for line in lines if sum("\u4e00" <= letter <= "\u9fff" for letter in line) > 5), SEED)


def _english(use):
    """Two to five words of sentences that the embeddings do not take."""
    lines = []
    for number, sentence in enumerate(sentences.sentences()[use][sentences.COUNTS[use] :]):
        words = sentence.split()
        count = 2 + number % 4
        lines.append(" ".join(words[len(words) // 3 :][:count]))
    return lines


def _rendered_line(rng, text, font):
    """Dark on light or the other way round, in any colours, a little blurred at times."""
    import cv2
    from PIL import Image, ImageDraw

    left, top, right, bottom = font.getbbox(text)
    around = int(rng.integers(2, 8))
    dark, light = rng.integers(0, 90, 3), rng.integers(165, 256, 3)
    ink, paper = (dark, light) if rng.uniform() < 0.75 else (light, dark)
    image = Image.new("RGB", (right - left + 2 * around, bottom - top + 2 * around), tuple(map(int, paper)))
    ImageDraw.Draw(image).text((around - left, around - top), text, tuple(map(int, ink)), font)
    pixels = np.array(image)
    if rng.uniform() < 0.4:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.2))
    return np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def _rendered(use):
    from PIL import ImageFont

    rng = np.random.default_rng([SEED, len(use), 1])
    fonts = [[data for source in table for _, data in sources.files(*source)] for table in (LATIN_FONTS, CHINESE_FONTS)]
    texts = _english(use), _chinese(use)
    for number in range(RENDERED[use]):
        which = number % 3 == 2  # a third is Chinese
        text, faces = texts[which][number % len(texts[which])], fonts[which]
        font = ImageFont.truetype(io.BytesIO(faces[int(rng.integers(len(faces)))]), int(rng.integers(20, 52)))
        yield from _pieces(_rendered_line(rng, text, font))


def prepare_recognition():
    for use in CROPPED:
        for pixels in (*_cropped(use), *_rendered(use)):
            yield use, {"x": _line(pixels)}


def _decode(outputs):
    """Classes in their order, of repeated ones one, without the blank: CTC, each class a character."""
    (scores,) = outputs.values()
    best = scores[0].argmax(-1)
    kept = best[np.insert(best[1:] != best[:-1], 0, True)]
    return kept[kept != 0].tolist()


def score_recognition(runs, evaluation):
    """1 - edits / characters."""
    wrong, characters, lines, same = 0, 0, 0, 0
    for feeds in evaluation:
        exact, rounded = (_decode(run(feeds)) for run in runs)
        wrong, characters = wrong + edits(exact, rounded), characters + len(exact)
        lines, same = lines + 1, same + (exact == rounded)
    return 1 - wrong / max(characters, 1), {"lines": lines, "characters": characters, "edits": wrong, "same_lines": same / lines}


TASKS = (samples.Task("ppocr4_det", "IoU of masks of text", 0.97, prepare_detection, score_detection),
         samples.Task("ppocr4_rec", "characters that agree", 0.995, prepare_recognition, score_recognition))
