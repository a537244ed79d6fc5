"""A line on the terminal: how much is done, and how long the rest will take."""
import sys
import time

WIDTH = 24


def in_words(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """Counts trials. Silent where stderr is no terminal."""

    def __init__(self, stream=sys.stderr):
        self._stream, self._shows = stream, stream.isatty()
        self._start, self._done, self._all, self._now = time.monotonic(), 0, 0, ""

    def expect(self, count):
        """So many more are to come."""
        self._all += count

    def begin(self, name):
        self._now = name
        self._show()

    def end(self, resumed=False):
        self._done += not resumed  # what was there says nothing of how long others take
        self._all -= resumed
        self._show()

    def left(self):
        """Seconds, as far as those that are done tell; None before any is."""
        return (time.monotonic() - self._start) / self._done * (self._all - self._done) if self._done else None

    def _show(self):
        if not self._shows:
            return
        filled = WIDTH * self._done // max(self._all, 1)
        left = self.left()
        self._stream.write(f"\r\033[K[{'#' * filled}{'.' * (WIDTH - filled)}] {self._done} of {self._all}"
                           + (f", {in_words(left)} left" if left is not None else "") + f": {self._now}")
        self._stream.flush()

    def say(self, text):
        """A line that stays."""
        self.clear()
        print(f"smelt: {text}", file=self._stream, flush=True)

    def clear(self):
        if self._shows:
            self._stream.write("\r\033[K")
            self._stream.flush()
