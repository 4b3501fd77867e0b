#!/usr/bin/env python3
"""curl transfers 5 GiB in each direction over HTTP/1.1 and HTTP/2, while the memory of Gatepost is measured."""

import time
import unittest

from harness import bulk_upstream, curl, gatepost, judge, processes
from harness.resident_memory import ResidentMemory


class BulkTransfer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.content = processes.temporary_directory() / "zeros"
        with cls.content.open("wb") as file:
            # A sparse file, which occupies no space on the disk.
            file.truncate(SIZE)
        port = bulk_upstream.start(cls.content.open("rb"))
        cls.proxy = gatepost.serve(gatepost.Host(NAME, f"127.0.0.1:{port}"))
        cls.measured = []

    @classmethod
    def tearDownClass(cls):
        print("", *cls.measured, sep="\n")

    def test_a_download_over_http1_is_complete_and_is_not_buffered(self):
        self.download("--http1.1")

    def test_a_download_over_http2_is_complete_and_is_not_buffered(self):
        self.download("--http2")

    def test_an_upload_over_http1_is_complete_and_is_not_buffered(self):
        self.upload("--http1.1")

    def test_an_upload_over_http2_is_complete_and_is_not_buffered(self):
        self.upload("--http2")

    def download(self, version):
        size = self.transfer("down", version, "--output", "/dev/null", "--write-out", "%{size_download}")
        self.assertEqual(size, SIZE)

    def upload(self, version):
        self.assertEqual(self.transfer("up", version, "--upload-file", self.content), SIZE)

    def transfer(self, direction, version, *arguments):
        """Runs curl. Returns the size in its output, which the receiver counted."""
        began = time.monotonic()
        with ResidentMemory(self.proxy.pid) as memory:
            size = int(self.curl(version, *arguments))
        self.record(f"{direction} {version}", time.monotonic() - began, memory)
        self.assertLess(memory.growth, MAX_GROWTH, "growth of Gatepost's memory in KiB")
        return size

    def curl(self, *arguments):
        address = f"https://{NAME}:{self.proxy.https}/"
        done = curl.run("--fail", *curl.to(NAME, self.proxy), *arguments, address, limit=LIMIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def record(self, what, seconds, memory):
        self.measured.append(
            f"{what}: {SIZE / MIB:.0f} MiB in {seconds:.1f} s, {SIZE / MIB / seconds:.0f} MiB/s, "
            f"memory from {memory.before} to at most {memory.highest} KiB"
        )


NAME = "gitlab.example.com"

# Bytes.
MIB = 1024 * 1024
SIZE = 5 * 1024 * MIB

# KiB. A buffered body would take the whole size.
MAX_GROWTH = 16 * 1024

# Seconds for one transfer on a busy machine.
LIMIT = 300


if __name__ == "__main__":
    judge.main("openssl", "curl")
