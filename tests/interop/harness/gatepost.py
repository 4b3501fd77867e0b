"""Configures, starts and stops Gatepost.

The environment variable GATEPOST names the program. Its default is the release build of this clone.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import certificates, network, processes

ROOT = certificates.ROOT
PROGRAM = Path(os.environ.get("GATEPOST", ROOT / "target/release/gatepost"))


@dataclass(frozen=True)
class Host:
    """A `[[host]]` section: its name, upstream, key algorithm (`ecdsa` or `rsa`) and further lines."""

    name: str
    upstream: str
    algorithm: str = "ecdsa"
    lines: str = ""

    @property
    def certificate_stem(self):
        return self.name if self.algorithm == "ecdsa" else f"{self.name}.{self.algorithm}"


@dataclass(frozen=True)
class Gatepost:
    """A running Gatepost: its process, its ports on 127.0.0.1, the CA of its certificates, its access log."""

    process: subprocess.Popen
    https: int
    http: int
    ca: Path
    access_log: Path

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        processes.stop(self.process)


@dataclass(frozen=True)
class Configuration:
    """A configuration file and the ports in it."""

    file: Path
    https: int
    http: int


def serve(*hosts):
    """Starts Gatepost with `hosts` and new certificates."""
    return serve_configuration(configuration(hosts))


def serve_configuration(config):
    process = start(["--config", config.file], config.https)
    directory = config.file.parent
    return Gatepost(process, config.https, config.http, directory / "ca.pem", directory / "access.log")


def start(arguments, *ports, **options):
    """Runs `gatepost serve`, and waits until it accepts connections on all `ports`."""
    process = processes.start([PROGRAM, "serve", *arguments], **options)
    for port in ports:
        is_ready = lambda: network.accepts_connections(port)
        processes.wait_for(process, is_ready, f"Gatepost accepts connections on port {port}")
    return process


def demo():
    """Runs `gatepost demo`. Ports and CA are those that it prints."""
    log = processes.temporary_directory() / "demo.log"
    with log.open("wb") as file:
        process = processes.start([PROGRAM, "demo"], stdout=file)
    # The last line of the text names the key that ends the demo.
    processes.wait_for(process, lambda: "Ctrl-C" in log.read_text(), "the demo prints its addresses")
    text = log.read_text()
    ca, https = re.search(r"--cacert (\S+) https://gitlab\.localhost:(\d+)/", text).groups()
    http = re.search(r"http://gitlab\.localhost:(\d+)/", text).group(1)
    return Gatepost(process, int(https), int(http), Path(ca), log)


def configuration(hosts, process=""):
    """Writes certificates and a configuration for `hosts`; `process` are further lines of that section."""
    directory = processes.temporary_directory()
    certificates.generate(directory, *(host.name for host in hosts))
    https, http = network.free_ports(2)
    text = DEFAULTS.format(https=https, http=http, process=process) + "".join(map(host_section, hosts))
    file = directory / "gatepost.toml"
    file.write_text(text)
    return Configuration(file, https, http)


def host_section(host):
    return HOST.format(name=host.name, upstream=host.upstream, stem=host.certificate_stem, lines=host.lines)


DEFAULTS = """\
[process]
shutdown_timeout = "1s"
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
