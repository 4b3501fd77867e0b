"""An upstream for large bodies: GET sends a file, PUT counts the bytes it receives.

It uses the fastest system calls, because the measurement is about the proxy in front of it.
"""

import os
import socketserver
from http.server import BaseHTTPRequestHandler, HTTPServer

from . import http_server


def start(content):
    """Serves `content`, an open file, on a free port of 127.0.0.1. Returns the port."""
    server = Server(("127.0.0.1", 0), Handler)
    server.content = content
    return http_server.start(server).server_address[1]


class Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True


class Handler(http_server.Silent, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content = self.server.content.fileno()
        size = os.fstat(content).st_size
        self.send_head(size)
        sent = 0
        while sent < size:
            sent += os.sendfile(self.connection.fileno(), content, sent, PIECE)

    def do_PUT(self):
        body = f"{self.count(int(self.headers['Content-Length']))}\n".encode()
        self.send_head(len(body))
        self.wfile.write(body)

    def send_head(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def count(self, expected):
        """Reads the body and discards it. Returns less than `expected` if the body is incomplete."""
        buffer = memoryview(bytearray(PIECE))
        received = 0
        while received < expected:
            count = self.rfile.readinto1(buffer[: expected - received])
            if count == 0:
                break
            received += count
        return received


# Bytes.
PIECE = 1024 * 1024
