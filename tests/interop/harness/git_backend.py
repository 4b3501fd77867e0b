"""`git http-backend` behind a unix socket, where GitLab Workhorse listens.

It is a CGI program (RFC 3875): it reads the request head from its environment and the body from its standard input,
and writes the response to its standard output.
"""

import os
import shutil
import socketserver
import subprocess
import tempfile
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from . import http1, http_server


def start(socket, repositories):
    """Serves the repositories below a directory. Returns the counters of received bodies."""
    server = Server(str(socket), Handler)
    server.repositories = repositories
    server.received = Received()
    return http_server.start(server).received


class Received:
    """Counts kinds of request bodies, so that a test knows that it used them."""

    def __init__(self):
        self.chunked = 0
        self.gzip = 0


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Handler(http_server.Silent, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with tempfile.TemporaryFile() as nothing:
            self.respond(nothing)

    def do_POST(self):
        with tempfile.TemporaryFile() as body:
            self.read_body(body)
            body.seek(0)
            self.respond(body)

    def read_body(self, file):
        self.server.received.gzip += self.headers.get("Content-Encoding") == "gzip"
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.server.received.chunked += 1
            if not http1.read_chunked(self.rfile, file.write):
                raise ConnectionError("the request body is incomplete")
        else:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))

    def respond(self, body):
        backend = subprocess.Popen(
            ["git", "http-backend"], stdin=body, stdout=subprocess.PIPE, env=self.environment()
        )
        with backend:
            self.send_head(backend.stdout)
            shutil.copyfileobj(backend.stdout, Chunks(self.wfile))
        self.wfile.write(b"0\r\n\r\n")

    def environment(self):
        """Without CONTENT_LENGTH, because the end of the input is the end of the body."""
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
        """A CGI head has a Status field in place of a status line, or none for 200."""
        fields = http1.read_fields(output)
        self.send_response(int(dict(fields).get("Status", "200").split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()


class Chunks:
    """Writes each piece as one chunk."""

    def __init__(self, file):
        self._file = file

    def write(self, piece):
        self._file.write(b"%x\r\n%b\r\n" % (len(piece), piece))
