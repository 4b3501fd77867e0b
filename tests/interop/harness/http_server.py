"""Runs a server of the standard library in the background."""

import threading


def start(server):
    """Serves until the judge ends. Returns the server."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Silent:
    """Mixin of request handlers: no log, because Gatepost writes the access log."""

    def log_message(self, *_):
        pass
