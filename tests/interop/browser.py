#!/usr/bin/env python3
"""Two browser windows use the demo's chat; a picture of it stays in target/demo-chat.png."""

import subprocess
import unittest

import gatepost


class DemoChat(unittest.TestCase):
    def test_two_windows_hear_each_other(self):
        demo = gatepost.demo()
        picture = gatepost.ROOT / "target/demo-chat.png"
        picture.unlink(missing_ok=True)
        address = f"https://mattermost.localhost:{demo.https}/"
        command = ["node", gatepost.ROOT / ".ci/chat.mjs", address, picture]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(picture.read_bytes().startswith(PNG))


# Seconds; the script ends by itself within a minute.
LIMIT = 90

PNG = b"\x89PNG\r\n\x1a\n"


if __name__ == "__main__":
    unittest.main(verbosity=2)
