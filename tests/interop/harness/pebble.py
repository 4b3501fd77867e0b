"""Pebble, an ACME authority for tests, on loopback, with a name server that leads every name to 127.0.0.1."""

import json
import os
import ssl
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import gatepost


@dataclass(frozen=True)
class Authority:
    """A running authority: its process, its directory, and files with what vouches for it and its certificates."""

    process: subprocess.Popen
    directory: str
    ca: Path
    roots: Path

    def stop(self):
        gatepost.end(self.process)


@dataclass(frozen=True)
class Place:
    """Where an authority will be, and the ports on which it looks for answers."""

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


def place():
    """Chooses ports, and makes the certificate of the authority's own server."""
    certificates = gatepost.directory()
    command = [gatepost.ROOT / "certs/generate.sh", certificates, "localhost"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return Place(*gatepost.free_ports(4), certificates)


def start(where, validity=None, refused_nonces=5):
    """Starts the authority. Its certificates are valid for `validity` seconds, or for years. So many of a hundred
    requests are refused for their nonce, to be sent again with another."""
    names, management = gatepost.free_ports(2)
    nobody = ["-http01", "", "-https01", "", "-tlsalpn01", ""]
    gatepost.start(
        ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{names}", "-defaultIPv6", "", *nobody]
        + ["-management", f"127.0.0.1:{management}"],
        stdout=subprocess.DEVNULL,
    )
    settings = {
        "listenAddress": f"127.0.0.1:{where.port}",
        "managementListenAddress": f"127.0.0.1:{where.management}",
        "certificate": str(where.certificates / "localhost.crt"),
        "privateKey": str(where.certificates / "localhost.key"),
        "httpPort": where.http,
        "tlsPort": where.https,
    }
    if validity:
        settings["certificateValidityPeriod"] = validity
    file = where.certificates / "pebble.json"
    file.write_text(json.dumps({"pebble": settings}))
    os.environ["PEBBLE_VA_NOSLEEP"] = "1"
    os.environ["PEBBLE_WFE_NONCEREJECT"] = str(refused_nonces)
    command = ["pebble", "-config", file, "-dnsserver", f"127.0.0.1:{names}"]
    process = gatepost.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    gatepost.wait_for(process, lambda: gatepost.accepts(where.management), "pebble to accept connections")
    roots = where.certificates / "roots.pem"
    roots.write_bytes(fetch(f"https://localhost:{where.management}/roots/0", where.ca))
    return Authority(process, where.directory, where.ca, roots)


def fetch(url, ca):
    with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=ca), timeout=10) as answer:
        return answer.read()
