"""Gatepost as the tests with external programs run it: configured, started, waited for, ended.

What is started or made here lasts as long as the script that asked for it, whatever ends that script:
processes are ended by their id, and the temporary directory is removed.

GATEPOST names the program to test; without it, that is the release build of this clone.
"""

import atexit
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(os.environ.get("GATEPOST", ROOT / "target/release/gatepost"))


@dataclass(frozen=True)
class Host:
    """A host to serve: its name, where its application listens, the kind of its key, and more lines about it."""

    name: str
    upstream: str
    algorithm: str = "ecdsa"
    lines: str = ""

    @property
    def certificate_stem(self):
        return self.name if self.algorithm == "ecdsa" else f"{self.name}.{self.algorithm}"


@dataclass(frozen=True)
class Gatepost:
    """A running Gatepost: its process, its ports on 127.0.0.1, and the certificate to trust."""

    process: subprocess.Popen
    https: int
    http: int
    authority: Path
    access_log: Path

    @property
    def pid(self):
        return self.process.pid


@dataclass(frozen=True)
class Configuration:
    """A configuration file, and the ports it names."""

    file: Path
    https: int
    http: int


def serve(*hosts):
    """Serves `hosts` on loopback, with certificates made for this run."""
    return run(configuration(hosts))


def run(config):
    """Serves what a configuration says."""
    process = start([PROGRAM, "serve", "--config", config.file])
    wait_for(process, lambda: accepts(config.https), "Gatepost to accept connections")
    place = config.file.parent
    return Gatepost(process, config.https, config.http, place / "ca.pem", place / "access.log")


def demo():
    """Runs `gatepost demo`, and takes ports and certificates from what it says."""
    output = directory() / "demo.log"
    with output.open("wb") as log:
        process = start([PROGRAM, "demo"], stdout=log)
    wait_for(process, lambda: "Ctrl-C" in output.read_text(), "the demo's welcome")
    welcome = output.read_text()
    authority, https = re.search(r"--cacert (\S+) https://gitlab\.localhost:(\d+)/", welcome).groups()
    http = re.search(r"http://gitlab\.localhost:(\d+)/", welcome).group(1)
    return Gatepost(process, int(https), int(http), Path(authority), output)


def configuration(hosts, process=""):
    """Writes certificates and a configuration for `hosts`, with more lines about the process."""
    place = directory()
    certificates(place, hosts)
    https, http = free_ports(2)
    text = DEFAULTS.format(https=https, http=http, process=process) + "".join(map(host_section, hosts))
    file = place / "gatepost.toml"
    file.write_text(text)
    return Configuration(file, https, http)


def certificates(place, hosts):
    """Makes certificates for `hosts`, in the place of those that are there."""
    names = [host.name for host in hosts]
    subprocess.run([ROOT / "certs/generate.sh", place, *names], check=True, stdout=subprocess.DEVNULL, timeout=60)


def host_section(host):
    return HOST.format(name=host.name, upstream=host.upstream, stem=host.certificate_stem, lines=host.lines)


def directory():
    """A new temporary directory. Its path is short, as the path of a unix socket must be."""
    path = Path(tempfile.mkdtemp(prefix="gatepost-ci-"))
    _lifetime.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def start(command, stdout=None, stderr=None):
    """Starts a program that ends with this script."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    _lifetime.callback(end, process)
    return process


def end(process):
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(process, condition, what):
    """Waits for a condition that a started process brings about, unless it ends."""
    eventually(lambda: process.poll() is not None or condition(), what)
    if process.returncode is not None:
        raise SystemExit(f"{process.args[0]} ended with {process.returncode}; waited for {what}")


def eventually(condition, what):
    """The one place where tests wait."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {PATIENCE} s in vain for {what}")
        time.sleep(0.05)


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_ports(count):
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [it.getsockname()[1] for it in sockets]


# Seconds.
PATIENCE = 30

DEFAULTS = """\
[process]
shutdown_grace = "1s"
log_level = "warn"
{process}

[defaults]
listen = ["127.0.0.1:{https}"]
redirect_from = ["127.0.0.1:{http}"]
access_log = "access.log"
"""

HOST = """
[[host]]
name = "{name}"
upstream = "{upstream}"
certificate = "{stem}.crt"
certificate_key = "{stem}.key"
{lines}
"""

# A polite end of this script is an end like Ctrl-C, so that Python still does what is due at exit.
signal.signal(signal.SIGTERM, signal.default_int_handler)
_lifetime = contextlib.ExitStack()
atexit.register(_lifetime.close)
