"""Upstreams that record the requests they receive, and send the response of the case."""

import contextlib
import os
import socket
import threading
from dataclasses import dataclass

from harness import http1, network


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as an upstream received it."""

    upstream: str
    method: str
    target: str
    version: str
    headers: list
    body: bytes
    framing: str


@dataclass(frozen=True)
class UpstreamResponse:
    """The bytes of a response, and whether the upstream then closes or echoes what it receives."""

    text: bytes
    closes: bool = False
    echoes: bool = False


class Upstreams:
    """All upstreams of a gitlab.rb. They receive one request at a time."""

    def __init__(self):
        self.addresses = {}
        self.received = []
        self.response = None
        self._listeners = []
        self._open = set()

    def add(self, name, address):
        """Adds an upstream; the address is a port or the path of a unix socket."""
        self.addresses[name] = address

    def start(self):
        for name, address in self.addresses.items():
            for listener in listeners(address):
                self._listeners.append(listener)
                threading.Thread(target=self._accept, args=(name, listener), daemon=True).start()

    def stop(self):
        """Closes all listeners and connections, as when the upstreams exit."""
        for each in self._listeners + list(self._open):
            close(each)
        self._listeners.clear()

    def _accept(self, name, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(name, connection), daemon=True).start()

    def _serve(self, name, connection):
        try:
            reader = connection.makefile("rb")
            while (request := self._read(name, connection, reader)) is not None:
                self.received.append(request)
                response = self.response
                connection.sendall(response.text)
                while response.echoes and (piece := connection.recv(4096)):
                    connection.sendall(piece)
                if response.closes or request.version == "HTTP/1.0" or has_close(request.headers):
                    break
        except OSError:
            pass
        finally:
            self._open.discard(connection)
            close(connection)

    def _read(self, name, connection, reader):
        line = reader.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return None
        headers = http1.read_fields(reader)
        values = {key.lower(): value for key, value in headers}
        if values.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        framing, body = read_body(reader, values)
        method, _, rest = line.partition(" ")
        target, _, version = rest.rpartition(" ")
        return ReceivedRequest(name, method, target, version, headers, body, framing)


def read_body(reader, values):
    if values.get("transfer-encoding", "").lower() == "chunked":
        body = bytearray()
        if not http1.read_chunked(reader, body.extend):
            raise ConnectionError("the request body is incomplete")
        return "chunked", bytes(body)
    if "content-length" in values:
        return "length", reader.read(int(values["content-length"]))
    return "none", b""


def has_close(headers):
    return any(key.lower() == "connection" and value.lower() == "close" for key, value in headers)


def listeners(address):
    """Listens on IPv4 and IPv6, because `localhost` resolves to either."""
    if isinstance(address, int):
        found = [socket.create_server((network.LOOPBACK, address))]
        with contextlib.suppress(OSError):
            found.append(socket.create_server(("::1", address), family=socket.AF_INET6))
        return found
    if os.path.exists(address):
        os.unlink(address)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address))
    os.chmod(address, 0o777)
    listener.listen(64)
    return [listener]


def close(each):
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
