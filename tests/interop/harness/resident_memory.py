"""Measures the memory of a process."""

import threading
from pathlib import Path


class ResidentMemory:
    """Context manager that samples the resident set of a process ten times a second.

    `before` is the size at the start, `highest` the largest sample since then, both in KiB.
    """

    def __init__(self, pid):
        self._status = Path(f"/proc/{pid}/status")
        self._stopped = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self.before = self.highest = self._read()

    def __enter__(self):
        self._sampler.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._sampler.join()

    @property
    def growth(self):
        return self.highest - self.before

    def _sample(self):
        while not self._stopped.wait(INTERVAL):
            self.highest = max(self.highest, self._read())

    def _read(self):
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1])


# Seconds.
INTERVAL = 0.1
