"""Watches how much memory a process occupies while something happens."""

import threading
from pathlib import Path


class ResidentMemory:
    """Samples the resident set of a process ten times a second, for as long as the `with` lasts.

    `before` is its size at the start and `highest` the largest seen since, both in KiB.
    """

    def __init__(self, pid):
        self._status = Path(f"/proc/{pid}/status")
        self._ended = threading.Event()
        self._sampling = threading.Thread(target=self._sample)
        self.before = self.highest = self._read()

    def __enter__(self):
        self._sampling.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._sampling.join()

    @property
    def growth(self):
        return self.highest - self.before

    def _sample(self):
        while not self._ended.wait(INTERVAL):
            self.highest = max(self.highest, self._read())

    def _read(self):
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1])


INTERVAL = 0.1
