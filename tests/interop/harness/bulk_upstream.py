"""An application for big transfers: GET sends a file, PUT counts what it gets.

It does both in the system's fastest way, because it is the proxy in front that is measured.
"""

import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


def start(content):
    """Serves `content`, an open file, on a free port of 127.0.0.1 until the script ends. Returns the port."""
    server = Server(("127.0.0.1", 0), Handler)
    server.content = content
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content = self.server.content.fileno()
        size = os.fstat(content).st_size
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        sent = 0
        while sent < size:
            sent += os.sendfile(self.connection.fileno(), content, sent, PIECE)

    def do_PUT(self):
        answer = f"{self.count(int(self.headers['Content-Length']))}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def count(self, expected):
        """Reads the body and throws it away. Returns less than expected if it breaks off."""
        buffer = memoryview(bytearray(PIECE))
        received = 0
        while received < expected:
            count = self.rfile.readinto1(buffer[: expected - received])
            if count == 0:
                break
            received += count
        return received

    def log_message(self, *_):
        """Says nothing: Gatepost keeps the log."""


PIECE = 1024 * 1024
