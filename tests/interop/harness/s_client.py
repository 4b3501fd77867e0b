"""openssl s_client as a client."""

import subprocess
from dataclasses import dataclass

from . import processes
from .processes import ToolError


@dataclass(frozen=True)
class Session:
    """The exit code and everything that s_client wrote."""

    code: int
    output: str


def connect(proxy, *options, request="", port=None):
    """Connects to the TLS port or to `port`, sends `request` and closes, unless an option keeps the connection open."""
    done = processes.run(command(proxy, port or proxy.https, options), LIMIT, input=request, encoding="latin-1")
    return session(done.returncode, done.stdout + done.stderr)


def exchange(proxy, *options):
    """Sends a request and reads until Gatepost closes, because tickets of TLS 1.3 follow the handshake."""
    return connect(proxy, "-servername", NAME, "-ign_eof", *options, request=REQUEST)


def press(proxy, key, *options):
    """Sends a letter that s_client takes for a command, and waits until s_client ends."""
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
        return session(process.returncode, process.stdout.read())


def session(code, output):
    """An s_client that cannot send a ClientHello proves nothing about the server."""
    for error in LOCAL_ERRORS:
        if error in output:
            raise ToolError(f"openssl s_client cannot run this check: {output!r:.1000}")
    return Session(code, output)


def command(proxy, port, options):
    return ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", proxy.ca, *options]


# The host of the requests.
NAME = "gitlab.example.com"

# For an unknown host, so that Gatepost sends a local response.
REQUEST = "GET / HTTP/1.1\r\nHost: unknown.example\r\nConnection: close\r\n\r\n"

CURRENT = [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]

# Of an OpenSSL that was built or configured without a version or an option of the check.
LOCAL_ERRORS = ["Unknown option", "no protocols available", "no ciphers available", "no suitable digest algorithm"]

# Seconds.
LIMIT = 20
