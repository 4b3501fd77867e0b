#!/usr/bin/env python3
"""Looks for private keys among the files that git tracks: by their names, and by what they contain."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, timeout=60)
    files = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    if not files:
        sys.exit("git lists no files here; this needs a clone")
    offences = [file for file in files if is_key(ROOT / file)]
    for file in offences:
        print(f"{file}: holds a private key. Take it out of the history too, and make a new one.", file=sys.stderr)
    print(f"{len(files)} files")
    sys.exit(1 if offences else 0)


def is_key(file):
    return file.suffix in KEY_NAMES or (file.is_file() and KEY.search(file.read_bytes()) is not None)


KEY_NAMES = {".key", ".p12", ".pfx", ".jks"}

# The first line alone may be part of a program or a text; a key goes on with base64. Between the two there
# may be a line end, written out or real, and the headers of an encrypted key.
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\r|\\n|\s|[A-Za-z-]+: [^\n]*\n)*[A-Za-z0-9+/]{40}")


if __name__ == "__main__":
    main()
