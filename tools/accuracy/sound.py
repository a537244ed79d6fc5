"""Recorded speech with noise and silence around it, at 16 kHz, as float samples in -1 … 1.

Every recording is for calibration or for evaluation, never for both. Noise is recorded or made: each track has its own.
"""
import functools
import io
import wave

import numpy as np

import samples
import sources
from pictures import CALIBRATION, EVALUATION

RATE = 16000
SEED = 15
RAW = ".raw"  # 16 kHz without a header
SPEECH = (("pocketsphinx-testdata", "librivox/*.wav"), ("pocketsphinx-testdata", "cards/*.wav"), ("pocketsphinx-testdata", "data/*.raw"),
          ("alsa-utils", "sounds/alsa/[FRS]*.wav"), ("asterisk-core-sounds-en-wav", "en_US_f_Allison/*.wav"))
NOISE = (("alsa-utils", "sounds/alsa/Noise.wav"),)
MOST_OF_EACH = 60  # recordings of one package's folder
LONGEST = 12  # seconds of a recording
SHARE_OF_CALIBRATION = 1 / 3


def resampled(sound, rate):
    """By way of its spectrum: what the lower rate cannot hold is left out."""
    if rate == RATE:
        return sound
    length = round(len(sound) * RATE / rate)
    spectrum = np.fft.rfft(sound)
    bins = np.zeros(length // 2 + 1, complex)
    bins[: min(len(bins), len(spectrum))] = spectrum[: len(bins)]
    return np.fft.irfft(bins, length) * (length / len(sound))


def _decode(name, data):
    if name.endswith(RAW):
        return np.frombuffer(data, "<i2") / 32768
    with wave.open(io.BytesIO(data)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels()).mean(1) / 32768
        return resampled(frames, file.getframerate())


@functools.cache
def speech():
    """{use: recordings}, each as loud as the others."""
    taken = {CALIBRATION: [], EVALUATION: []}
    for number, (package, pattern) in enumerate(SPEECH):
        found = [_decode(name, data)[: LONGEST * RATE] for name, data in sources.files(package, pattern)]
        found = samples.shuffled([sound for sound in found if len(sound) > RATE // 2 and np.abs(sound).max() > 0.01], [SEED, number])[:MOST_OF_EACH]
        share = max(round(len(found) * SHARE_OF_CALIBRATION), 1)
        taken[CALIBRATION] += found[:share]
        taken[EVALUATION] += found[share:]
    return {use: [sound * (0.1 / np.sqrt(np.mean(sound**2))) for sound in samples.shuffled(found, SEED)] for use, found in taken.items()}


@functools.cache
def _recorded_noise():
    return [_decode(name, data) for source in NOISE for name, data in sources.files(*source)]


def _noise(rng, length):
    """Recorded, or made: of a spectrum that falls by 1 / f^slope, with a hum at times. As loud as the speech."""
    if rng.uniform() < 0.25:
        recorded = _recorded_noise()[int(rng.integers(len(_recorded_noise())))]
        sound = np.resize(recorded, length)
    else:
        spectrum = np.fft.rfft(rng.standard_normal(length))
        spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** rng.uniform(0, 1.2)
        sound = np.fft.irfft(spectrum, length)
        sound /= np.sqrt(np.mean(sound**2))
        if rng.uniform() < 0.3:
            sound += 0.5 * np.sin(2 * np.pi * rng.choice((50, 60, 120)) * np.arange(length) / RATE)
    return sound * (0.1 / max(np.sqrt(np.mean(sound**2)), 1e-9))


def _track(rng, recordings, seconds):
    """Recordings with gaps between them, each as loud as it happens to be, over noise that is 0 to 40 dB below or next to nothing."""
    length = seconds * RATE
    sound, at = np.zeros(length), int(rng.integers(0, 2 * RATE))
    while at < length:
        one = recordings[int(rng.integers(len(recordings)))] * 10 ** rng.uniform(-0.7, 0.3)
        one = one[: length - at]
        sound[at : at + len(one)] += one
        at += len(one) + int(RATE * rng.choice((0.05, 0.3, 1.0, 2.5)) * rng.uniform(0.5, 1.5))
    level = 0.0005 if rng.uniform() < 0.25 else 10 ** (-rng.uniform(0, 40) / 20)
    return np.clip(sound + level * _noise(rng, length), -1, 1).astype(np.float32)


def tracks(use, count, seconds):
    rng = np.random.default_rng([SEED, len(use)])
    return [_track(rng, speech()[use], seconds) for _ in range(count)]
