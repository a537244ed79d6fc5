"""silero_vad: is somebody speaking? oww_embed: what the sound of a moment is like. Both on recorded speech with noise and silence."""
import functools
import zipfile

import numpy as np

import models
import samples
import sound
import sources
from pictures import CALIBRATION, EVALUATION

SEED = 16
TRACKS = {CALIBRATION: (8, 30), EVALUATION: (20, 30)}  # how many, and of how many seconds
CHUNK, CONTEXT, THRESHOLD = 512, 64, 0.5  # silero's package
MOMENTS = {CALIBRATION: 100, EVALUATION: 400}
FRAMES, STEP = 76, 8  # of a moment that openWakeWord embeds, and between moments


@functools.cache
def _tracks(use):
    return sound.tracks(use, *TRACKS[use])


def _listen(run, track, seen=None):
    """The probability of speech for each chunk of a track, the state carried over. Inputs are appended to `seen`."""
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), track])
    state, heard = np.zeros((2, 1, 128), np.float32), []
    for at in range(0, len(track) - CHUNK + 1, CHUNK):
        feeds = {"input": padded[None, at : at + CONTEXT + CHUNK], "state": state, "sr": np.array(sound.RATE)}
        outputs = run(feeds)
        state = outputs["stateN"]
        heard.append(float(outputs["output"].squeeze()))
        if seen is not None:
            seen.append(feeds)
    return np.array(heard)


def prepare_decisions():
    run, seen = models.reference_of(models.fetch("silero_vad")), []
    for track in _tracks(CALIBRATION):
        _listen(run, track, seen)
    for feeds in samples.shuffled(seen, SEED)[: MOMENTS[CALIBRATION]]:
        yield CALIBRATION, feeds
    for track in _tracks(EVALUATION):
        yield EVALUATION, {"track": track}


def score_decisions(runs, evaluation):
    """The share of chunks with the same decision."""
    exact, rounded = [], []
    for arrays in evaluation:
        for run, heard in zip(runs, (exact, rounded)):
            heard.append(_listen(run, arrays["track"]))
    exact, rounded = np.concatenate(exact), np.concatenate(rounded)
    same = (exact > THRESHOLD) == (rounded > THRESHOLD)
    return float(same.mean()), {"chunks": same.size, "with_speech": float((exact > THRESHOLD).mean()), "mean_difference": float(np.abs(exact - rounded).mean())}


def _spectrogram():
    """samples → frames, by the package's own network and as its own code does it."""
    model = models.MODELS["oww_embed"]
    path = sources.CACHE / "melspectrogram.onnx"
    with zipfile.ZipFile(models.wheel(model.package)) as wheel:
        path.write_bytes(wheel.read(model.member.replace("embedding_model", path.stem)))
    run = models.reference_of(path)

    def of(track):
        (frames,) = run({"input": (track[None] * 32767).astype(np.int16).astype(np.float32)}).values()
        return frames.squeeze() / 10 + 2

    return of


def prepare_embeddings():
    spectrogram = _spectrogram()
    for use, count in MOMENTS.items():
        moments = []
        for track in _tracks(use):
            frames = spectrogram(track)
            moments += [frames[at : at + FRAMES] for at in range(0, len(frames) - FRAMES + 1, STEP)]
        for moment in samples.shuffled(moments, SEED)[:count]:
            yield use, {"input_1": moment[None, :, :, None].astype(np.float32)}


def score_embeddings(runs, evaluation):
    """The mean cosine of the embeddings."""
    cosines = []
    for feeds in evaluation:
        exact, rounded = (next(iter(run(feeds).values())) for run in runs)
        cosines.append(samples.cosine(exact, rounded))
    return float(np.mean(cosines)), {"moments": len(cosines), "least": min(cosines)}


TASKS = (samples.Task("silero_vad", "same decisions", 0.99, prepare_decisions, score_decisions),
         samples.Task("oww_embed", "mean cosine of embeddings", 0.995, prepare_embeddings, score_embeddings))
