#!/usr/bin/env python3
"""Searches the files tracked by git for private keys, by file name and by content."""

import re
import sys
from pathlib import Path

from harness import gatepost, judge, processes


def no_key_is_tracked():
    listed = processes.output(["git", "ls-files", "-z"], LIMIT, cwd=gatepost.ROOT)
    files = [Path(name) for name in listed.split("\0") if name]
    if not files:
        raise judge.ToolError("git lists no files; this check needs a clone")
    keys = [file for file in files if is_key(gatepost.ROOT / file)]
    for file in keys:
        print(f"{file}: contains a private key. Remove it from the history too, and replace the key.", file=sys.stderr)
    print(f"{len(files)} files")
    return not keys


def is_key(file):
    return file.suffix in KEY_NAMES or (file.is_file() and KEY.search(file.read_bytes()) is not None)


KEY_NAMES = {".key", ".p12", ".pfx", ".jks"}

# The first line alone may be part of a program or a text; in a key, base64 follows. Between them may be a line end,
# escaped or not, and the headers of an encrypted key.
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\r|\\n|\s|[A-Za-z-]+: [^\n]*\n)*[A-Za-z0-9+/]{40}")


# Seconds.
LIMIT = 60


if __name__ == "__main__":
    judge.run(no_key_is_tracked, "git")
