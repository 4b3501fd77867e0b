"""Compares two exchanges, aspect by aspect."""

import gzip
import re
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Exchange:
    """A response, and the requests that the upstreams received for it."""

    response: object
    received: list


@dataclass(frozen=True)
class Difference:
    """An aspect of a case in which nginx and Gatepost differ."""

    gitlab_rb: str
    role: str
    case: object
    aspect: str
    nginx: object
    gatepost: object
    # Both exchanges, for rules about more than the aspect.
    exchanges: tuple

    def __str__(self):
        where = f"{self.gitlab_rb}, {self.role}: {self.case.name}"
        return f"{where}\n    {self.aspect}\n      nginx    {self.nginx!r:.300}\n      gatepost {self.gatepost!r:.300}"


def differences(gitlab_rb, role, case, nginx, gatepost):
    of_nginx, of_gatepost = aspects(nginx), aspects(gatepost)
    for aspect in sorted(of_nginx.keys() | of_gatepost.keys()):
        values = of_nginx.get(aspect), of_gatepost.get(aspect)
        if values[0] != values[1]:
            yield Difference(gitlab_rb, role, case, aspect, *values, (nginx, gatepost))


def aspects(exchange):
    response = exchange.response
    found = {
        "status": response.status, "reason": response.reason, "interim responses": response.interim,
        "body": decoded_body(response),
        "response aborted": response.framing == "aborted", "connection persists": persists(response),
        "requests received": len(exchange.received),
        "header names as written": written(response.headers),
        "order of headers": [key.lower() for key, _ in response.headers if key.lower() not in MADE_BY_PROXIES],
    }
    found |= by_name("response header", response.headers)
    if exchange.received:
        received = exchange.received[0]
        found |= {
            "received by": received.upstream, "received method": received.method,
            "received target": received.target, "received version": received.version,
            "received body": received.body, "received framing": received.framing,
            "received names as written": written(received.headers),
        }
        found |= by_name("received header", received.headers)
    return found


def decoded_body(response):
    """Returns the body without gzip, because two encoders may produce different bytes for the same content."""
    is_compressed = response.values("content-encoding") == ["gzip"] and response.body
    try:
        return gzip.decompress(response.body) if is_compressed else response.body
    except (OSError, EOFError, zlib.error):
        return response.body


def by_name(what, headers):
    """Groups the values by name: the order of the values of a name matters, that of the names does not."""
    found = {}
    for key, value in headers:
        name = key.lower()
        if name not in FRAMING:
            found.setdefault(f"{what} {name}", []).append(TIME.sub("<time>", value))
    return found


def written(headers):
    return sorted({key for key, _ in headers if key.lower() not in MADE_BY_PROXIES})


def persists(response):
    """Returns whether the connection is persistent (RFC 9112 section 9.3)."""
    if response.status in (None, 101) or response.framing in ("close", "aborted"):
        return False
    options = ",".join(response.values("connection")).lower()
    return "keep-alive" in options if response.version == "HTTP/1.0" else "close" not in options


# Times of this run: `$msec` of nginx, and Date. Times of upstreams are of 2024.
TIME = re.compile(r"\b\d{10}\.\d{3}\b|\w{3}, \d\d \w{3} (?!2024)\d{4} [\d:]{8} GMT")

# Compared as framing of the body and as `persists`.
FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive"}

# nginx and Gatepost write these themselves, so their order and their letter case do not count.
MADE_BY_PROXIES = FRAMING | {"server", "date", "host", "upgrade"}
