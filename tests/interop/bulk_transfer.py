#!/usr/bin/env python3
"""curl moves 5 GiB in each direction, over both versions of HTTP, while Gatepost's memory is watched."""

import subprocess
import time
import unittest

import bulk_application
import gatepost
from resident_memory import ResidentMemory


class BulkTransfer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.content = gatepost.directory() / "zeros"
        with cls.content.open("wb") as file:
            # Takes no room on the disk.
            file.truncate(SIZE)
        port = bulk_application.start(cls.content.open("rb"))
        cls.proxy = gatepost.serve(gatepost.Host(NAME, f"127.0.0.1:{port}"))
        cls.measured = []

    @classmethod
    def tearDownClass(cls):
        print("", *cls.measured, sep="\n")

    def test_a_download_over_http1_arrives_whole_and_takes_no_memory(self):
        self.download("--http1.1")

    def test_a_download_over_http2_arrives_whole_and_takes_no_memory(self):
        self.download("--http2")

    def test_an_upload_over_http1_arrives_whole_and_takes_no_memory(self):
        self.upload("--http1.1")

    def test_an_upload_over_http2_arrives_whole_and_takes_no_memory(self):
        self.upload("--http2")

    def download(self, version):
        size = self.transfer("down", version, "--output", "/dev/null", "--write-out", "%{size_download}")
        self.assertEqual(size, SIZE)

    def upload(self, version):
        self.assertEqual(self.transfer("up", version, "--upload-file", self.content), SIZE)

    def transfer(self, direction, version, *arguments):
        """Runs curl. Returns the size that the receiver reports, which curl writes to its output."""
        began = time.monotonic()
        with ResidentMemory(self.proxy.pid) as memory:
            size = int(self.curl(version, *arguments))
        self.note(f"{direction} {version}", time.monotonic() - began, memory)
        self.assertLess(memory.growth, MOST_GROWTH, "KiB of memory that Gatepost took more")
        return size

    def curl(self, *arguments):
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", str(LIMIT),
             "--resolve", f"{NAME}:{self.proxy.https}:127.0.0.1", "--cacert", self.proxy.authority,
             *arguments, f"https://{NAME}:{self.proxy.https}/"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT + 10,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def note(self, what, seconds, memory):
        self.measured.append(
            f"{what}: {SIZE / MIB:.0f} MiB in {seconds:.1f} s, {SIZE / MIB / seconds:.0f} MiB/s, "
            f"memory from {memory.before} to at most {memory.highest} KiB"
        )


NAME = "gitlab.example.com"

MIB = 1024 * 1024
SIZE = 5 * 1024 * MIB

# In KiB. A buffered body would take the whole size.
MOST_GROWTH = 16 * 1024

# Seconds for one transfer, on a machine that is busy with other things too.
LIMIT = 300


if __name__ == "__main__":
    unittest.main(verbosity=2)
