"""Contestants take turns, so that whatever else the machine does meets all of them. One is anything with a name and turn(count), which runs so many
inferences and returns the seconds they took, {"cpu", "wall"}."""
import statistics
import time

LEAST_TURN_SECONDS = 0.02  # shorter turns would measure the clock
SLOW_SECONDS = 1.0  # of an inference: one shows enough
FEWEST_ROUNDS = 5
FAR_BEHIND = 2.0  # times as slow as the best: no more rounds would change who is the fastest
HOPELESS = 10.0  # the same, after a single round


def turn_size(contestant):
    """How many inferences make one turn."""
    if (took := contestant.turn(1)["cpu"]) < SLOW_SECONDS:  # the first of all takes longer
        took = contestant.turn(1)["cpu"]
    return max(1, round(LEAST_TURN_SECONDS / max(took, 1e-6)))


def take_turns(contestants, seconds, rounds=None, clock="cpu"):
    """{name: median of milliseconds per inference}, and how many rounds there were: about so many seconds of CPU time in all. Who is far behind after the
    first rounds takes part no longer."""
    medians, count = race(contestants, seconds, rounds, clock)
    return {name: both[clock] for name, both in medians.items()}, count


def race(contestants, seconds, rounds=None, clock="cpu"):
    """The same, with {name: {"cpu": median, "wall": median}}; `clock` tells who is far behind."""
    sizes = {contestant.name: turn_size(contestant) for contestant in contestants}
    times, spent = {name: [] for name in sizes}, 0.0
    first, racing = contestants[0].name, list(contestants)

    def median(name, by=clock):
        return statistics.median(1e3 * took[by] / sizes[name] for took in times[name])

    while len(times[first]) < (rounds or FEWEST_ROUNDS) or (not rounds and spent < seconds):
        for contestant in racing:
            took = contestant.turn(sizes[contestant.name])
            spent += took["cpu"]
            times[contestant.name].append(took)
        behind = {1: HOPELESS, FEWEST_ROUNDS: FAR_BEHIND}.get(len(times[first]))
        if behind:
            best = min(map(median, times))
            racing = [one for one in racing if one.name == first or median(one.name) < behind * best]
    return {name: {by: median(name, by) for by in ("cpu", "wall")} for name in times}, len(times[first])


class Call:
    """A function of this process as a contestant."""

    def __init__(self, name, function):
        self.name, self._function = name, function

    def turn(self, count):
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            self._function()
        return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
