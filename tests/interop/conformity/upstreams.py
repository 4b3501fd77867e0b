"""Applications that note what they receive, byte for byte, and answer what they are told to."""

import contextlib
import os
import socket
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Received:
    """A request as an application got it."""

    application: str
    method: str
    target: str
    version: str
    headers: list
    body: bytes
    framing: str


@dataclass(frozen=True)
class Answer:
    """What an application answers: the bytes, and whether it then closes or becomes an echo."""

    text: bytes
    closes: bool = False
    echoes: bool = False


class Applications:
    """All applications of a scenario. One request is under way at a time."""

    def __init__(self):
        self.places = {}
        self.received = []
        self.answer = None
        self._listeners = []
        self._open = set()

    def add(self, name, place):
        """An application at a path of a unix socket, or at a port."""
        self.places[name] = place

    def start(self):
        for name, place in self.places.items():
            for listener in listeners(place):
                self._listeners.append(listener)
                threading.Thread(target=self._accept, args=(name, listener), daemon=True).start()

    def stop(self):
        """As when the applications have ended: nobody listens, and connections are gone."""
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
                answer = self.answer
                connection.sendall(answer.text)
                while answer.echoes and (piece := connection.recv(4096)):
                    connection.sendall(piece)
                if answer.closes or request.version == "HTTP/1.0" or says_close(request.headers):
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
        headers = []
        while field := reader.readline().decode("latin-1").rstrip("\r\n"):
            key, _, value = field.partition(":")
            headers.append((key, value.strip()))
        values = {key.lower(): value for key, value in headers}
        if values.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        framing, body = read_body(reader, values)
        method, _, rest = line.partition(" ")
        target, _, version = rest.rpartition(" ")
        return Received(name, method, target, version, headers, body, framing)


def read_body(reader, values):
    if values.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(reader.readline().partition(b";")[0], 16):
            body += reader.read(size)
            reader.readline()
        while reader.readline().strip():
            pass
        return "chunked", body
    if "content-length" in values:
        return "length", reader.read(int(values["content-length"]))
    return "none", b""


def says_close(headers):
    return any(key.lower() == "connection" and value.lower() == "close" for key, value in headers)


def listeners(place):
    """`localhost` may be either address, so both are listened on."""
    if isinstance(place, int):
        found = [socket.create_server(("127.0.0.1", place))]
        with contextlib.suppress(OSError):
            found.append(socket.create_server(("::1", place), family=socket.AF_INET6))
        return found
    if os.path.exists(place):
        os.unlink(place)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    os.chmod(place, 0o777)
    listener.listen(64)
    return [listener]


def close(each):
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    each.close()
