"""Processes with the lifetime of the judge, time limits, waiting, and temporary directories.

Everything that is started or created here ends with the judge, also when a signal ends it: processes are stopped by
their id, directories are removed.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

# Seconds that `wait_until` waits at most.
DEADLINE = 30


class ToolError(Exception):
    """The program that judges did not work. This is no statement about Gatepost."""


class TimeLimitExceeded(Exception):
    """A program did not end within its time limit."""


def temporary_directory():
    """Creates a directory. Its path is short, because the path of a unix socket has at most 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="gatepost-"))
    _lifetime.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def run(command, limit, input=None, encoding="utf-8", **options):
    """Runs a program that ends within `limit` seconds. Returns its exit code and its captured output.

    `encoding=None` means bytes; `options` are those of `subprocess.run`.
    """
    source = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
    try:
        return subprocess.run(command, capture_output=True, encoding=encoding, timeout=limit, **source, **options)
    except subprocess.TimeoutExpired as error:
        raise TimeLimitExceeded(f"{command[0]} did not end within {limit} s: {error.output!r:.1000}") from None


def output(command, limit, **options):
    """Runs a tool that must succeed, and returns its standard output."""
    done = run(command, limit, **options)
    if done.returncode != 0:
        raise ToolError(f"{command[0]} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def start(command, **options):
    """Starts a program that runs until the judge ends."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    _lifetime.callback(stop, process)
    return process


def stop(process):
    """Sends SIGTERM, and SIGKILL after 10 s."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(process, condition, what):
    """Waits for a condition that `process` brings about. Fails as soon as the process ends."""
    wait_until(lambda: process.poll() is not None or condition(), what)
    if process.returncode is not None:
        raise RuntimeError(f"{process.args[0]} exited with {process.returncode} before: {what}")


def wait_until(condition, what):
    """Waits for a condition. Judges wait nowhere else."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeLimitExceeded(f"waited {DEADLINE} s for {what}")
        time.sleep(0.05)


# The proxy settings of the machine do not apply to loopback.
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

# SIGTERM ends the judge as Ctrl-C does, so that Python runs the exit handlers.
signal.signal(signal.SIGTERM, signal.default_int_handler)
_lifetime = contextlib.ExitStack()
atexit.register(_lifetime.close)
