#!/usr/bin/env python3
"""Two Chromium windows use the chat of the demo. A screenshot remains in target/demo-chat.png."""

import os
import unittest
from pathlib import Path

from harness import gatepost, judge, processes


class Browser(unittest.TestCase):
    def test_two_windows_receive_each_others_messages(self):
        demo = gatepost.demo()
        picture = gatepost.ROOT / "target/demo-chat.png"
        picture.unlink(missing_ok=True)
        address = f"https://mattermost.localhost:{demo.https}/"
        done = processes.run(["node", SCRIPT, address, picture], LIMIT)
        if done.returncode == judge.TOOL_FAILED:
            raise judge.ToolError(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(picture.read_bytes().startswith(PNG))


SCRIPT = Path(__file__).with_suffix(".mjs")

# Seconds; the script gives up after a minute.
LIMIT = 90

PNG = b"\x89PNG\r\n\x1a\n"


if __name__ == "__main__":
    judge.main("node", os.environ.get("CHROMIUM", "chromium"))
