#!/usr/bin/env python3
"""Counts the instructions that the release program executes per request, message and handshake.

    benches/instructions.py                   # build, count, compare with instructions.json
    benches/instructions.py --base main       # build and count that revision as well, and compare
    benches/instructions.py --save            # store the figures of this build

`gatepost serve` runs under `valgrind --tool=callgrind` with one worker. The client and the upstream run
in this script, outside valgrind. A row is a number of equal operations between two callgrind dumps,
divided by their number, so start-up does not count. All threads count.

Exit code: 0 if no row grew by more than 3 %, 1 if one did, 2 if the rows could not be counted.

README.md, "Instruction counts", explains the rows, the stored figures and their limits.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "benches/instructions.json"

MAX_GROWTH = 0.03
# The largest accepted range of the batches of a row. A larger one means that the program is not
# deterministic enough for a limit of 3 %.
MAX_SPREAD = 0.02
BATCHES = 5

HOST = "gatepost.localhost"
PLAIN_HOST = "plain.localhost"
BODY = b"x" * 1024
MESSAGE = b"m" * 64

# The features of the processor that valgrind's emulated one can have. aws-lc, glibc and memchr select code by
# them. valgrind 3.19 emulates no others, such as AVX-512, so those do not change the figures.
FEATURES = ("cx16", "ssse3", "sse4_1", "sse4_2", "aes", "pclmulqdq", "rdtscp", "abm", "avx", "f16c", "fma", "avx2",
            "bmi1", "bmi2", "rdrand", "rdseed")

CONFIGURATION = """\
[process]
workers = 1

[defaults]
access_log = "{directory}/access.log"

[[host]]
name = "{host}"
upstream = "{upstream}"
listen = ["{tls}"]
redirect_from = ["{redirect}"]
certificate = "{directory}/certificate.pem"
certificate_key = "{directory}/key.pem"
tls_versions = ["1.3"]
cipher_suites = ["TLS_AES_128_GCM_SHA256"]
key_exchange_groups = ["X25519"]

[[host]]
name = "{plain_host}"
upstream = "{upstream}"
listen = ["{plain}"]
tls = false
"""


class CountError(Exception):
    """The rows could not be counted."""


# --- Upstream ---------------------------------------------------------------------------------------

RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
    b"Cache-Control: max-age=0, private, must-revalidate\r\nX-Request-Id: 01JD4Z2V7X9K3M5N8P0Q2R4S6T\r\n\r\n"
    % len(BODY)
) + BODY
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
# RFC 6455 section 5.2: a final text frame, masked by the client and not by the server.
MASK = b"\x37\xfa\x21\x3d"
CLIENT_FRAME = bytes([0x81, 0x80 | len(MESSAGE)]) + MASK + bytes(
    byte ^ MASK[index % 4] for index, byte in enumerate(MESSAGE))
SERVER_FRAME = bytes([0x81, len(MESSAGE)]) + MESSAGE


class Upstream:
    """An HTTP/1.1 server that sends each response with one system call."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        # The proxy closes idle connections and resets them when it ends.
        with connection, contextlib.suppress(ConnectionError):
            reader = connection.makefile("rb")
            while head := read_head(reader):
                if b"\r\nupgrade: websocket" not in head.lower():
                    connection.sendall(RESPONSE)
                    continue
                connection.sendall(SWITCH)
                while reader.read(len(CLIENT_FRAME)) == CLIENT_FRAME:
                    connection.sendall(SERVER_FRAME)
                return


def read_head(reader):
    """Returns the head of a message, empty at the end of the connection."""
    lines = []
    while line := reader.readline():
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


# --- Client -----------------------------------------------------------------------------------------

def get(host, *headers):
    """Returns a GET request with few headers, as command-line clients send it."""
    lines = [b"GET /bytes/1024 HTTP/1.1", b"Host: " + host.encode(), b"User-Agent: gatepost-instructions",
             b"Accept: */*", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Plain:
    """A connection without TLS."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self._socket.sendall(data)

    def receive(self):
        """Returns the next bytes, empty at the end of the connection."""
        return self._socket.recv(65536)

    def close(self):
        self._socket.close()


class Tls:
    """A TLS connection that controls which bytes share a TCP segment.

    The client's Finished waits for the first application data and is sent with it. The proxy therefore
    always reads both at once; with two segments, the number of its reads would depend on timing.
    """

    def __init__(self, port, context, session=None):
        self._plain = Plain(port)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=HOST, session=session)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._plain.send(self._outgoing.read())
                self._fill()
        if self._tls.session_reused != (session is not None):
            raise CountError("the proxy did not resume a session" if session else "the proxy resumed a session")

    @property
    def session(self):
        """The session of the latest ticket received."""
        return self._tls.session

    def send(self, data):
        self._tls.write(data)
        self._plain.send(self._outgoing.read())

    def receive(self):
        """Returns the next bytes, empty after `close_notify`."""
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._fill()
            except ssl.SSLZeroReturnError:
                return b""

    def close(self):
        self._plain.close()

    def _fill(self):
        data = self._plain.receive()
        if not data:
            raise CountError("the proxy closed a TLS connection without close_notify")
        self._incoming.write(data)


class Exchange:
    """HTTP/1.1 requests on one connection."""

    def __init__(self, connection, request):
        self._connection, self._request = connection, request

    def __call__(self):
        self._connection.send(self._request)
        received = self._connection.receive()
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        while len(body) < len(BODY):
            body += self._more()
        if not head.startswith(b"HTTP/1.1 200 ") or body != BODY:
            raise CountError(f"unexpected response: {received[:200]!r}")

    def _more(self):
        data = self._connection.receive()
        if not data:
            raise CountError("the proxy closed a connection before the end of a response")
        return data


class Http2Exchange:
    """HTTP/2 requests on one connection, one at a time (RFC 9113)."""

    # Client preface, empty SETTINGS, and a connection window that no row exhausts.
    START = (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04\x00" + bytes(4)
             + b"\x00\x00\x04\x08\x00" + bytes(4) + (1 << 30).to_bytes(4, "big"))
    SETTINGS_ACK = bytes(3) + b"\x04\x01" + bytes(4)
    # HPACK (RFC 7541): GET and https from the static table, the rest as literals that are not indexed.
    FIELDS = b"\x82\x87" + b"".join(
        name + bytes([len(value)]) + value
        for name, value in [(b"\x04", b"/bytes/1024"), (b"\x01", HOST.encode()),
                            (b"\x0f\x2b", b"gatepost-instructions"), (b"\x0f\x04", b"*/*")])
    DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
    END_STREAM = 0x01
    STATUS_200 = 0x88

    def __init__(self, connection):
        self._connection = connection
        self._stream = 1
        self._received = b""
        self._pending = self.START + self.SETTINGS_ACK

    def __call__(self):
        stream = self._stream.to_bytes(4, "big")
        # END_STREAM and END_HEADERS.
        headers = len(self.FIELDS).to_bytes(3, "big") + b"\x01\x05" + stream + self.FIELDS
        self._connection.send(self._pending + headers)
        self._pending, self._stream = b"", self._stream + 2
        status, length, ended = None, 0, False
        while not ended:
            kind, flags, payload = self._frame()
            if kind == self.HEADERS:
                status = payload[0]
            elif kind == self.DATA:
                length += len(payload)
            elif kind not in (self.SETTINGS, self.WINDOW_UPDATE):
                raise CountError(f"unexpected HTTP/2 frame of type {kind}")
            ended = kind in (self.HEADERS, self.DATA) and bool(flags & self.END_STREAM)
        if status != self.STATUS_200 or length != len(BODY):
            raise CountError(f"unexpected HTTP/2 response: {length} bytes")

    def _frame(self):
        head = self._take(9)
        return head[3], head[4], self._take(int.from_bytes(head[:3], "big"))

    def _take(self, length):
        while len(self._received) < length:
            data = self._connection.receive()
            if not data:
                raise CountError("the proxy closed an HTTP/2 connection")
            self._received += data
        taken, self._received = self._received[:length], self._received[length:]
        return taken


class Echo:
    """WebSocket messages through one tunnel."""

    UPGRADE = get(HOST, b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
                  b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==").replace(b"/bytes/1024", b"/api/v4/websocket")

    def __init__(self, connection):
        self._connection = connection
        connection.send(self.UPGRADE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = connection.receive()
            head += data
            if not data or not head.startswith(b"HTTP/1.1 101 "):
                raise CountError(f"the proxy did not upgrade: {head!r}")

    def __call__(self):
        self._connection.send(CLIENT_FRAME)
        received = b""
        while len(received) < len(SERVER_FRAME):
            data = self._connection.receive()
            received += data
            if not data or not SERVER_FRAME.startswith(received):
                raise CountError(f"unexpected WebSocket message: {received!r}")


class Handshake:
    """Connections with one request each, closed by the proxy."""

    REQUEST = get(HOST, b"Connection: close")

    def __init__(self, port, context):
        self._port, self._context = port, context
        self.session = None

    def __call__(self):
        self._connect(self.session)

    def obtain_session(self):
        """Makes later connections resume the session of a new full handshake."""
        self.session = self._connect(None)
        return self

    def _connect(self, session):
        connection = Tls(self._port, self._context, session)
        Exchange(connection, self.REQUEST)()
        while connection.receive():
            pass
        connection.close()
        return connection.session


# --- Counting ---------------------------------------------------------------------------------------

def tls_context(alpn):
    """A client context for TLS 1.3; the certificate is not verified, which is the client's work alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([alpn])
    return context


@dataclass(frozen=True)
class Row:
    """A measured operation: how it is set up, and how often it runs in a batch."""

    name: str
    operations: int
    setup: object


ROWS = (
    Row("get-h1-plain", 100, lambda proxy: Exchange(Plain(proxy.plain), get(PLAIN_HOST))),
    Row("get-h1", 100, lambda proxy: Exchange(Tls(proxy.tls, tls_context("http/1.1")), get(HOST))),
    Row("get-h2", 100, lambda proxy: Http2Exchange(Tls(proxy.tls, tls_context("h2")))),
    Row("ws-echo-64", 200, lambda proxy: Echo(Tls(proxy.tls, tls_context("http/1.1")))),
    Row("handshake", 20, lambda proxy: Handshake(proxy.tls, tls_context("http/1.1"))),
    Row("handshake-resumed", 20,
        lambda proxy: Handshake(proxy.tls, tls_context("http/1.1")).obtain_session()),
)


@dataclass(frozen=True)
class Count:
    """Instructions per operation: the median of the batches and the range of them, as a share of it."""

    median: int
    spread: float


class Proxy:
    """Gatepost under callgrind, ended when the context ends."""

    def __init__(self, program, upstream, directory):
        self._directory = directory
        self._dumps = 0
        self.tls, self.plain, redirect = free_ports(3)
        address = "127.0.0.1:{}".format
        configuration = directory / "gatepost.toml"
        configuration.write_text(CONFIGURATION.format(
            directory=directory, host=HOST, plain_host=PLAIN_HOST, upstream=upstream.address,
            tls=address(self.tls), plain=address(self.plain), redirect=address(redirect)))
        make_certificate(directory)
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/counts",
                 program, "serve", "--config", configuration],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(ConnectionRefusedError):
                Plain(self.plain).close()
                Plain(self.tls).close()
                return self
            time.sleep(0.05)
        self.__exit__()
        raise CountError(f"the proxy does not accept connections; its output:\n{self.output()}")

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def output(self):
        return self._log.read_text(errors="replace")

    def count(self, row):
        """Returns the instructions per operation of a row."""
        operation = row.setup(self)
        # Fills pools and caches, and lets buffers grow.
        for _ in range(20):
            operation()
        self._dump("setup")
        batches = []
        for _ in range(BATCHES):
            for _ in range(row.operations):
                operation()
            batches.append(self._dump(row.name) / row.operations)
        median = statistics.median(batches)
        return Count(round(median), (max(batches) - min(batches)) / median)

    def _dump(self, name):
        """Writes a callgrind dump and returns the instructions since the one before it."""
        self._dumps += 1
        command = run(["vgdb", f"--pid={self._process.pid}", "dump", name])
        dump = Path(f"{self._directory}/counts.{self._dumps}")
        if not dump.exists():
            raise CountError(f"callgrind wrote no dump: {command}")
        for line in dump.read_text().splitlines():
            if line.startswith("totals: "):
                dump.rename(f"{dump}.{name}")
                return int(line.split()[1])
        raise CountError(f"{dump} has no totals")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def make_certificate(directory):
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
         "-keyout", directory / "key.pem", "-out", directory / "certificate.pem"])


def count_all(label, program, keep):
    """Counts every row of a program."""
    print(f"counting {label}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gatepost-instructions-") as temporary:
        directory = Path(temporary)
        with Proxy(program, Upstream(), directory) as proxy:
            counts = {}
            for row in ROWS:
                try:
                    counts[row.name] = proxy.count(row)
                except OSError as error:
                    raise CountError(f"{row.name}: {error}; output of the proxy:\n{proxy.output()}") from error
        if keep:
            keep_dumps(directory, keep / label)
    return counts


def keep_dumps(directory, target):
    """Copies the dumps without calls that began in an earlier dump: callgrind_annotate 3.19 counts the
    whole cost of such a `calls=0` as the caller's own."""
    target.mkdir(parents=True, exist_ok=True)
    for dump in directory.glob("counts.*.*"):
        lines = iter(dump.read_text().splitlines(keepends=True))
        with (target / dump.name).open("w") as copy:
            for line in lines:
                if line.startswith("calls=0 "):
                    next(lines)
                else:
                    copy.write(line)


# --- Programs and stored figures --------------------------------------------------------------------

def run(command, **options):
    """Runs a program to its end and returns its output."""
    try:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    except FileNotFoundError as error:
        raise CountError(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise CountError(f"{command[0]} failed: {error.stderr.strip()}") from error
    return done.stdout.strip()


def target_directory():
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()


def build(source, target):
    """Builds the release program of a source tree. Not by `cargo bench`: that would add the features
    which dev-dependencies enable, such as tokio's `test-util`, to the program."""
    environment = os.environ | {"CARGO_TARGET_DIR": str(target)}
    command = ["cargo", "build", "--release", "--locked", "--bin", "gatepost"]
    if subprocess.run(command, cwd=source, env=environment, check=False).returncode != 0:
        raise CountError(f"cannot build {source}")
    return target / "release/gatepost"


def build_revision(commit):
    """Builds the sources of a commit below the target directory; the program is kept for the next run."""
    directory = target_directory() / "instructions" / commit
    program = directory / "target/release/gatepost"
    if program.exists():
        return program
    source, archive = directory / "source", directory / "source.tar"
    source.mkdir(parents=True, exist_ok=True)
    run(["git", "archive", f"--output={archive}", commit], cwd=ROOT)
    run(["tar", "--extract", f"--file={archive}", f"--directory={source}"])
    return build(source, directory / "target")


def commit_of(revision):
    return run(["git", "rev-parse", "--verify", f"{revision}^{{commit}}"], cwd=ROOT)


def environment():
    """Everything outside the source tree that changes the figures."""
    flags = set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = set(line.split(":")[1].split())
            break
    return {
        "rustc": run(["rustc", "--version"], cwd=ROOT),
        "valgrind": run(["valgrind", "--version"]),
        "client_tls": ssl.OPENSSL_VERSION,
        "libc": " ".join(platform.libc_ver()),
        "processor": [platform.machine(), *(feature for feature in FEATURES if feature in flags)],
    }


def save(commit, here, counts):
    figures = {
        "commit": commit,
        "environment": here,
        "instructions": {name: count.median for name, count in counts.items()},
    }
    STORED.write_text(json.dumps(figures, indent=2) + "\n")


def differences(stored, here):
    return [f"{key}: stored {stored.get(key)}, here {value}" for key, value in here.items() if stored.get(key) != value]


def print_table(base_name, base, counts):
    """Prints the comparison and returns the names of the rows that grew too much."""
    print(f"{'':<20}{'base':>12}{'this build':>12}{'ratio':>9}{'spread':>9}    base: {base_name}")
    grown = []
    for name, count in counts.items():
        before = base.get(name)
        if before is None:
            print(f"{name:<20}{'-':>12}{count.median:>12,}{'-':>9}{count.spread:>9.2%}")
            continue
        ratio = count.median / before
        mark = ""
        if ratio > 1 + MAX_GROWTH:
            grown.append(name)
            mark = f"    more than {MAX_GROWTH:.0%} growth"
        print(f"{name:<20}{before:>12,}{count.median:>12,}{ratio:>9.4f}{count.spread:>9.2%}{mark}")
    return grown


def check_spread(counts):
    for name, count in counts.items():
        if count.spread > MAX_SPREAD:
            raise CountError(f"{name}: the batches differ by {count.spread:.1%}, more than {MAX_SPREAD:.0%}")


def arguments():
    parser = argparse.ArgumentParser(description="Count instructions per request, message and handshake.")
    parser.add_argument("--program", metavar="PATH", type=Path, help="count this program instead of building one")
    parser.add_argument("--base", metavar="REV", help="build and count this revision instead of the stored figures")
    parser.add_argument("--base-program", metavar="PATH", type=Path, help="count this program as the base")
    parser.add_argument("--save", action="store_true", help="store the figures in benches/instructions.json")
    parser.add_argument("--commit", metavar="REV", help="the revision of --program, for --save")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the dumps, for callgrind_annotate")
    options = parser.parse_args()
    if options.save and bool(options.program) != bool(options.commit):
        parser.error("--save needs --commit together with --program, and only then")
    return options


def saved_commit(options):
    if options.commit:
        return commit_of(options.commit)
    if run(["git", "status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock"], cwd=ROOT):
        raise CountError("the sources differ from the commit; commit them before --save")
    return commit_of("HEAD")


def base_figures(options, here):
    """Returns a name and the figures to compare with: the stored ones, or those of a program counted now."""
    stored = json.loads(STORED.read_text()) if STORED.exists() else None
    name, program = None, options.base_program
    if program:
        name = str(program)
    elif options.base:
        name = commit_of(options.base)
    elif stored is None:
        raise CountError(f"{STORED} does not exist; give --base, --base-program or --save")
    elif found := differences(stored["environment"], here):
        print("the stored figures are of another environment; counting their commit here:", file=sys.stderr)
        print(*(f"  {line}" for line in found), sep="\n", file=sys.stderr)
        name = stored["commit"]
    else:
        return f"{stored['commit'][:12]}, stored", stored["instructions"]
    counts = count_all("base", program or build_revision(name), options.keep)
    check_spread(counts)
    return name, {row: count.median for row, count in counts.items()}


def main():
    options = arguments()
    here = environment()
    commit = saved_commit(options) if options.save else None
    program = options.program or build(ROOT, target_directory())
    # --save alone replaces the figures of another environment; it does not build their commit first.
    comparing = options.base or options.base_program or not options.save
    base_name, base = base_figures(options, here) if comparing else ("none", {})
    counts = count_all("this-build", program, options.keep)
    grown = print_table(base_name, base, counts)
    check_spread(counts)
    if options.save:
        save(commit, here, counts)
        return 0
    return 1 if grown else 0


if __name__ == "__main__":
    # The default action would leave valgrind and the temporary directory behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(main())
    except CountError as error:
        print(f"instructions: {error}", file=sys.stderr)
        sys.exit(2)
