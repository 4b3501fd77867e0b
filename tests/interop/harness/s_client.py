"""openssl s_client as a client: it shakes hands, sends what it is told to, and says what it saw."""

import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Session:
    """How it ended, and everything that it wrote."""

    code: int
    said: str


def connect(proxy, *options, says="", port=None):
    """Connects to the TLS port, or to another one, and leaves when `says` is sent, unless an option tells
    otherwise."""
    done = subprocess.run(
        command(proxy, port or proxy.https, options), input=says, capture_output=True, encoding="latin-1",
        timeout=LIMIT,
    )
    return Session(done.returncode, done.stdout + done.stderr)


def exchange(proxy, *options):
    """A request, its answer and the end, because TLS 1.3 sends tickets after the handshake."""
    return connect(proxy, "-servername", NAME, "-ign_eof", *options, says=REQUEST)


def press(proxy, key, *options):
    """Types a letter that s_client takes for a command, and waits for the end that comes of it."""
    process = subprocess.Popen(
        command(proxy, proxy.https, ["-servername", NAME, *options]), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="latin-1",
    )
    with process:
        try:
            process.stdin.write(f"{key}\n")
            process.stdin.flush()
            process.wait(LIMIT)
        finally:
            process.kill()
        return Session(process.returncode, process.stdout.read())


def command(proxy, port, options):
    return ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", proxy.authority, *options]


# The host that the helpers ask for.
NAME = "gitlab.example.com"

# For a host that nobody has, so that Gatepost answers by itself.
REQUEST = "GET / HTTP/1.1\r\nHost: unknown.example\r\nConnection: close\r\n\r\n"

CURRENT = [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]

# Seconds.
LIMIT = 20
