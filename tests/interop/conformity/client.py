"""A client that sends exactly what it is told to, and notes all of the answer."""

import contextlib
import socket
import ssl
import subprocess
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What came back: nothing at all, or a message with the interim ones before it."""

    status: int | None = None
    version: str = ""
    reason: str = ""
    interim: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    body: bytes = b""
    framing: str = ""

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True)
class Way:
    """Where a request goes, and what is around it."""

    address: str
    port: int
    # Over TLS: the name in the handshake; "" is none.
    server_name: str | None = None
    # What a balancer sends first.
    preface: bytes = b""


def ask(way, request, after=b""):
    """Sends `request` and reads one answer; `after` goes out after a 101."""
    with contextlib.ExitStack() as stack:
        place = (way.address, way.port)
        connection = stack.enter_context(socket.create_connection(place, PATIENCE, (CLIENT, 0)))
        connection.sendall(way.preface)
        if way.server_name is not None:
            connection = stack.enter_context(TLS.wrap_socket(connection, server_hostname=way.server_name or None))
        with contextlib.suppress(OSError):
            connection.sendall(request)
        answer = Answer()
        try:
            read(connection, answer, request.partition(b" ")[0], after)
        except TimeoutError:
            raise SystemExit(f"{way.address} still owes an answer after {PATIENCE} s: {request[:200]!r}") from None
        except OSError:
            # Broken off; what has come counts.
            pass
        return answer


def ask_http2(way, name, arguments):
    """Lets curl send a request over HTTP/2; the last argument is the target."""
    *options, target = arguments
    done = subprocess.run(
        ["curl", "--silent", "--http2", "--insecure", "--include", "--path-as-is", "--globoff", "--noproxy", "*",
         "--max-time", str(PATIENCE), "--interface", CLIENT, "--connect-to", f"{name}:443:{way.address}:{way.port}",
         *options, f"https://{name}{target}"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * PATIENCE,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    version, _, rest = line.partition(" ")
    answer = Answer(int(rest.split()[0]) if rest else None, version, body=body)
    answer.headers = [(key, value.strip()) for key, _, value in (each.partition(":") for each in fields)]
    return answer


def read(connection, answer, method, after):
    reader = connection.makefile("rb")
    while True:
        line = reader.readline().decode("latin-1")
        if not line.startswith("HTTP/"):
            # The end, or an answer of HTTP/0.9, which has no head.
            answer.framing, answer.body = "close", line.encode("latin-1") + reader.read()
            return
        answer.version, _, rest = line.rstrip("\r\n").partition(" ")
        code, _, answer.reason = rest.partition(" ")
        answer.headers = read_fields(reader)
        if not code.startswith("1") or code == "101":
            answer.status = int(code)
            break
        answer.interim.append(int(code))
    if answer.status == 101:
        connection.sendall(after)
        answer.framing, answer.body = "tunnel", reader.read(len(after))
    else:
        read_body(reader, answer, method)


def read_fields(reader):
    fields = []
    while line := reader.readline().decode("latin-1").rstrip("\r\n"):
        key, _, value = line.partition(":")
        fields.append((key, value.strip()))
    return fields


def read_body(reader, answer, method):
    if method == b"HEAD" or answer.status in (204, 304):
        answer.framing = "none"
    elif answer.values("transfer-encoding"):
        answer.framing = "chunked"
        read_chunks(reader, answer)
    elif lengths := answer.values("content-length"):
        answer.framing = "length"
        read_exactly(reader, answer, int(lengths[0]))
    else:
        answer.framing, answer.body = "close", reader.read()


def read_chunks(reader, answer):
    while line := reader.readline().partition(b";")[0].strip():
        size = int(line, 16)
        if not size:
            while reader.readline().strip():
                pass
            return
        read_exactly(reader, answer, size)
        reader.readline()
    answer.framing = "broken off"


def read_exactly(reader, answer, size):
    end = len(answer.body) + size
    while len(answer.body) < end and (piece := reader.read1(end - len(answer.body))):
        answer.body += piece
    if len(answer.body) < end:
        answer.framing = "broken off"


def trusting():
    """The comparison is not about certificates; other checks are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


TLS = trusting()

# Both programs see this client.
CLIENT = "127.0.0.1"

# Seconds.
PATIENCE = 10
