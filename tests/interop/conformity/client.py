"""A client that sends the given bytes and records the whole response."""

import contextlib
import socket
import ssl
from dataclasses import dataclass, field

from harness import curl, http1, network
from harness.processes import TimeLimitExceeded, ToolError


@dataclass
class Response:
    """A response with the interim responses before it. The status is `None` if none arrived."""

    status: int | None = None
    version: str = ""
    reason: str = ""
    interim: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    body: bytes = b""
    # How the body ends: none, length, chunked, close, tunnel or aborted.
    framing: str = ""

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True)
class Connection:
    """The parameters of a connection."""

    address: str
    port: int
    # The server name (SNI) of a TLS connection; "" means none.
    server_name: str | None = None
    # The PROXY header of a load balancer.
    preface: bytes = b""


def send(connection, request, after=b""):
    """Sends `request` and reads one response. Sends `after` when a 101 arrived."""
    with contextlib.ExitStack() as stack:
        address = (connection.address, connection.port)
        stream = stack.enter_context(socket.create_connection(address, LIMIT, (CLIENT, 0)))
        stream.sendall(connection.preface)
        if connection.server_name is not None:
            stream = stack.enter_context(TLS.wrap_socket(stream, server_hostname=connection.server_name or None))
        with contextlib.suppress(OSError):
            stream.sendall(request)
        response = Response()
        try:
            read(stream, response, request.partition(b" ")[0], after)
        except TimeoutError:
            raise TimeLimitExceeded(f"no response from {connection.address} in {LIMIT} s: {request[:200]!r}") from None
        except OSError:
            # A reset connection: what arrived before it is compared.
            pass
        return response


def send_http2(connection, name, arguments):
    """Sends a request with curl over HTTP/2. The last argument is the target."""
    *options, target = arguments
    done = curl.run(
        "--http2", "--insecure", "--include", "--path-as-is", "--globoff", "--interface", CLIENT,
        "--connect-to", f"{name}:443:{connection.address}:{connection.port}", *options, f"https://{name}{target}",
        limit=LIMIT, encoding=None,
    )
    if done.returncode in NO_EXCHANGE:
        raise ToolError(f"curl failed at {connection.address} with exit code {done.returncode}: {arguments!r:.200}")
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    version, _, rest = line.partition(" ")
    response = Response(int(rest.split()[0]) if rest else None, version, body=body)
    response.headers = [(key, value.strip()) for key, _, value in (each.partition(":") for each in fields)]
    return response


def read(stream, response, method, after):
    reader = stream.makefile("rb")
    while True:
        line = reader.readline().decode("latin-1")
        if not line.startswith("HTTP/"):
            # The end of the connection, or a response of HTTP/0.9, which has no head.
            response.framing, response.body = "close", line.encode("latin-1") + reader.read()
            return
        response.version, _, rest = line.rstrip("\r\n").partition(" ")
        code, _, response.reason = rest.partition(" ")
        response.headers = http1.read_fields(reader)
        if not code.startswith("1") or code == "101":
            response.status = int(code)
            break
        response.interim.append(int(code))
    if response.status == 101:
        stream.sendall(after)
        response.framing, response.body = "tunnel", reader.read(len(after))
    else:
        read_body(reader, response, method)


def read_body(reader, response, method):
    def write(piece):
        response.body += piece

    if method == b"HEAD" or response.status in (204, 304):
        response.framing = "none"
    elif response.values("transfer-encoding"):
        response.framing = "chunked"
        if not http1.read_chunked(reader, write):
            response.framing = "aborted"
    elif lengths := response.values("content-length"):
        response.framing = "length"
        if not http1.read_exactly(reader, int(lengths[0]), write):
            response.framing = "aborted"
    else:
        response.framing, response.body = "close", reader.read()


def without_verification():
    """The comparison is not about certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


TLS = without_verification()

# Both programs see this client address.
CLIENT = network.LOOPBACK

# Exit codes of curl without any exchange: name resolution, connection, TLS handshake, local address, timeout. Equal
# failures at both programs would otherwise pass for equal responses.
NO_EXCHANGE = {6, 7, 28, 35, 45}

# Seconds for one response.
LIMIT = 10
