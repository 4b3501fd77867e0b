"""Pebble, an ACME server for tests, on loopback, with a name server that resolves every name to 127.0.0.1."""

import json
import os
import ssl
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from . import certificates, network, processes


@dataclass(frozen=True)
class AcmeServer:
    """A running ACME server.

    `ca` is the trust anchor of its HTTPS port, `roots` those of the certificates that it issues.
    """

    process: subprocess.Popen
    directory: str
    ca: Path
    roots: Path

    def stop(self):
        processes.stop(self.process)


@dataclass(frozen=True)
class Ports:
    """The ports of an ACME server, those on which it validates challenges, and its certificates."""

    port: int
    management: int
    http: int
    https: int
    certificates: Path

    @property
    def directory(self):
        return f"https://localhost:{self.port}/dir"

    @property
    def ca(self):
        return self.certificates / "ca.pem"


def prepare():
    """Selects ports and creates the certificate of the ACME server itself."""
    directory = processes.temporary_directory()
    certificates.generate(directory, "localhost")
    return Ports(*network.free_ports(4), directory)


def start(ports, validity=None, rejected_nonces=5):
    """Starts the ACME server.

    `validity` is the lifetime of its certificates in seconds; the default is five years. It rejects the nonces of
    `rejected_nonces` percent of the requests, which clients then repeat with another one.
    """
    file = ports.certificates / "pebble.json"
    file.write_text(json.dumps({"pebble": settings(ports, validity)}))
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(rejected_nonces)}
    process = processes.start(
        ["pebble", "-config", file, "-dnsserver", f"127.0.0.1:{start_name_server()}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
    )
    is_ready = lambda: network.accepts_connections(ports.management)
    processes.wait_for(process, is_ready, "pebble accepts connections")
    roots = ports.certificates / "roots.pem"
    roots.write_bytes(fetch(f"https://localhost:{ports.management}/roots/0", ports.ca))
    return AcmeServer(process, ports.directory, ports.ca, roots)


def settings(ports, validity):
    return {
        "listenAddress": f"127.0.0.1:{ports.port}",
        "managementListenAddress": f"127.0.0.1:{ports.management}",
        "certificate": str(ports.certificates / "localhost.crt"),
        "privateKey": str(ports.certificates / "localhost.key"),
        "httpPort": ports.http,
        "tlsPort": ports.https,
    } | ({"certificateValidityPeriod": validity} if validity else {})


def start_name_server():
    """Starts the name server with its challenge servers disabled. Returns its port."""
    port, management = network.free_ports(2)
    disabled = ["-http01", "", "-https01", "", "-tlsalpn01", ""]
    processes.start(
        ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{port}", "-defaultIPv6", "", *disabled,
         "-management", f"127.0.0.1:{management}"],
        stdout=subprocess.DEVNULL,
    )
    return port


def fetch(url, ca):
    with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=ca), timeout=10) as response:
        return response.read()
