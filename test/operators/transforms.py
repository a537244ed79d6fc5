"""Transforms of many values, and of numbers of values that have no factors, which are convolutions."""
import numpy as np


def cases(Case):
    random = np.random.default_rng(12)

    def case(length, values, reference, dft_length=None, **options):
        parts = np.stack([values.real, values.imag], -1) if np.iscomplexobj(values) else values[..., None]

        def wanted(*_):
            made = reference(values)
            return [(np.stack([made.real, made.imag], -1) if np.iscomplexobj(made) else made[..., None]).astype(np.float32)]

        name = "DFT " + " ".join([*options, f"of {length}"])
        operands = {"x": parts.astype(np.float32), "length": None if dft_length is None else np.array(dft_length, np.int64)}
        return Case(name, "DFT", operands, weights=("length",), opset=19, axis=1, reference=wanted, tolerance=1e-5, **options)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    for length in (2048, 2053, 2 * 4099, 65536, 20011):
        numbers = normal(2, length) + 1j * normal(2, length)
        yield case(length, numbers, np.fft.fft)
        yield case(length, numbers, np.fft.ifft, inverse=1)
        yield case(length, numbers.real, np.fft.rfft, onesided=1)
        spectrum = np.fft.rfft(numbers.real).astype(np.complex64)
        yield case(length, spectrum, lambda x, length=length: np.fft.irfft(x, length), dft_length=length, inverse=1, onesided=1)

    sound, window = normal(2, 9000), normal(4099)
    frames = np.stack([sound[:, at:at + 4099] * window for at in range(0, 9000 - 4099 + 1, 1000)], 1)
    made = np.fft.rfft(frames)
    yield Case("STFT of frames of 4099", "STFT", {"x": sound[..., None], "step": np.array(1000, np.int64), "window": window}, weights=("step", "window"),
               reference=lambda *_: [np.stack([made.real, made.imag], -1).astype(np.float32)], tolerance=1e-5)
