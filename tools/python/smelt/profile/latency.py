"""How long artefacts take: all of a target in turns, in this process, so that whatever else the machine does meets all of them."""
import contextlib
import fcntl
import statistics
import time

from ..runtime import SmeltError, load
from . import data, front

TURN_SECONDS = 0.02  # shorter turns would measure the clock
LEAST_ROUNDS, MOST_ROUNDS = 16, 96  # where there is time for them


class _Runner:
    def __init__(self, path, sample):
        model = load(path)
        inputs = {tensor.name for tensor in model.inputs}
        call, self._outputs = model.bind({name: array for name, array in sample.items() if name in inputs})
        self._model, self._call = model, call
        self._reset = model.reset if model.states else lambda: None
        self._clock = time.perf_counter if model.device_name else time.thread_time  # whoever waits for a device takes no time
        self.turn(1)
        self.count = max(1, round(TURN_SECONDS * 1e3 / max(self.turn(1), 1e-3)))

    def turn(self, count):
        """Milliseconds of CPU time for each of so many runs; of a device, by the clock."""
        start = self._clock()
        for _ in range(count):
            self._reset()
            self._call()
        return (self._clock() - start) * 1e3 / count


@contextlib.contextmanager
def alone(path):
    """Waits until nobody else holds the lock of this file; without a path, does not."""
    if not path:
        yield
        return
    try:
        file = open(path, "a")
    except OSError as error:
        raise SmeltError(f"--lock {path}: {error.strerror}", 5) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def measure(points, sample, budget_seconds):
    """Rounds, each {number of a point: milliseconds}; `points` have "number" and "artefact", a path, and all are of one target. There are as many rounds
    as it takes for `front` to tell what latency has to decide, but none but the first begins after the time that is allowed, in which artefacts are opened
    too: a device's driver may have to compile their kernels."""
    end = time.monotonic() + budget_seconds
    runners = {point["number"]: _Runner(point["artefact"], data.read(sample)) for point in points}
    contests = front.contests(points) if all("size" in point for point in points) else []
    rounds = []
    while not rounds or (time.monotonic() < end and _wants_more(rounds, contests)):
        numbers = list(runners)
        turn = len(rounds) % len(numbers)
        rounds.append({number: runners[number].turn(runners[number].count) for number in numbers[turn:] + numbers[:turn]})
    return rounds


def _wants_more(rounds, contests):
    return len(rounds) < LEAST_ROUNDS or (len(rounds) < MOST_ROUNDS and any(front.verdict(rounds, p, q) is None for p, q in contests))


def median(rounds, number):
    return statistics.median(row[number] for row in rounds)


def ratio(rounds, number, base):
    """The median of the ratios of one round each: slow moments cancel out."""
    return statistics.median(row[number] / row[base] for row in rounds)
