"""`git http-backend` behind a unix socket, as GitLab's Workhorse listens.

The program is a CGI program (RFC 3875): the request's head comes in its environment and the body on its
standard input, and it answers on its standard output.
"""

import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit


def start(socket, repositories):
    """Serves the repositories below a directory until the script ends. Returns what has been received."""
    server = Server(str(socket), Handler)
    server.repositories = repositories
    server.received = Received()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.received


class Received:
    """What kinds of bodies have come, so that a test knows that it tested them."""

    def __init__(self):
        self.chunked = 0
        self.gzip = 0


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with tempfile.TemporaryFile() as nothing:
            self.answer(nothing)

    def do_POST(self):
        with tempfile.TemporaryFile() as body:
            self.read_body(body)
            body.seek(0)
            self.answer(body)

    def read_body(self, file):
        self.server.received.gzip += self.headers.get("Content-Encoding") == "gzip"
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.server.received.chunked += 1
            self.read_chunks(file)
        else:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))

    def read_chunks(self, file):
        """RFC 9112 section 7.1; git sends no trailers."""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            file.write(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, body):
        backend = subprocess.Popen(
            ["git", "http-backend"], stdin=body, stdout=subprocess.PIPE, env=self.environment()
        )
        with backend:
            self.send_head(backend.stdout)
            shutil.copyfileobj(backend.stdout, Chunks(self.wfile))
        self.wfile.write(b"0\r\n\r\n")

    def environment(self):
        """The body's end is the end of the input, so there is no CONTENT_LENGTH."""
        address = urlsplit(self.path)
        return {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(address.path),
            "QUERY_STRING": address.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }

    def send_head(self, output):
        """A CGI head has a Status field in place of a status line, or none when all is well."""
        fields = []
        while line := output.readline().strip():
            name, _, value = line.decode().partition(": ")
            fields.append((name, value))
        self.send_response(int(dict(fields).get("Status", "200").split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing: Gatepost keeps the log."""


class Chunks:
    """Writes each piece as one chunk."""

    def __init__(self, file):
        self._file = file

    def write(self, piece):
        self._file.write(b"%x\r\n%b\r\n" % (len(piece), piece))
