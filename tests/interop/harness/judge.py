"""Entry point of a judge: required programs and exit codes.

0: all checks passed. 1: a check failed. 2: the external program did not do its work, so nothing is known about
Gatepost. 77: a required program is missing and nothing was checked (the exit code of automake for a skipped test).
"""

import shutil
import sys
import unittest

from . import gatepost
from .processes import ToolError

FAILED = 1
TOOL_FAILED = 2
SKIPPED = 77


def main(*programs):
    """Runs the unittest classes of the judge and exits. `programs` are the names that it needs in PATH."""
    require_gatepost()
    require(*programs)
    runner = unittest.TextTestRunner(verbosity=2, resultclass=Result)
    code = exit_code(unittest.main(testRunner=runner, exit=False).result)
    if code == TOOL_FAILED:
        print("The program that judges did not work; this is no statement about Gatepost.", file=sys.stderr)
    sys.exit(code)


def run(check, *programs):
    """Runs `check`, a function without unittest, with the exit codes of `main`. It returns whether it passed."""
    require(*programs)
    try:
        passed = check()
    except ToolError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(TOOL_FAILED)
    sys.exit(0 if passed else FAILED)


def require(*programs):
    """Exits with SKIPPED if a program is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        skip(f"{', '.join(missing)} not found in PATH; README.md in tests/interop names the Debian packages")


def require_gatepost():
    if not gatepost.PROGRAM.exists():
        skip(f"{gatepost.PROGRAM} not found; build it with `cargo build --release` or set GATEPOST")


def skip(reason):
    print(f"SKIPPED: {reason}", file=sys.stderr)
    sys.exit(SKIPPED)


def exit_code(result):
    if result.wasSuccessful():
        return 0
    return TOOL_FAILED if result.only_tool_errors else FAILED


class Result(unittest.TextTestResult):
    """Knows whether a result is due to tool errors alone."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.only_tool_errors = True

    def addError(self, test, error):
        super().addError(test, error)
        self.only_tool_errors &= issubclass(error[0], ToolError)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.only_tool_errors = False

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        self.only_tool_errors &= error is None or issubclass(error[0], ToolError)
