"""What is different between two exchanges, aspect by aspect."""

import gzip
import re
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Exchange:
    """An answer, and what the applications received for it."""

    answer: object
    received: list


@dataclass(frozen=True)
class Difference:
    """One aspect of one case in which the two are not alike."""

    scenario: str
    role: str
    case: object
    aspect: str
    nginx: object
    gatepost: object
    # All of both, for rules that need to see more than the one aspect.
    exchanges: tuple

    def __str__(self):
        where = f"{self.scenario}, {self.role}: {self.case.name}"
        return f"{where}\n    {self.aspect}\n      nginx    {self.nginx!r:.300}\n      gatepost {self.gatepost!r:.300}"


def differences(scenario, role, case, nginx, gatepost):
    first, second = (aspects(exchange) for exchange in (nginx, gatepost))
    for aspect in sorted(first.keys() | second.keys()):
        ours, theirs = second.get(aspect), first.get(aspect)
        if ours != theirs:
            yield Difference(scenario, role, case, aspect, theirs, ours, (nginx, gatepost))


def aspects(exchange):
    answer = exchange.answer
    found = {
        "status": answer.status, "reason": answer.reason, "interim answers": answer.interim,
        "body": readable(answer),
        "answer breaks off": answer.framing == "broken off", "connection stays": stays(answer),
        "requests received": len(exchange.received),
        "header names as written": written(answer.headers),
        "order of headers": [key.lower() for key, _ in answer.headers if key.lower() not in MADE_BY_PROXIES],
    }
    found |= by_name("answer's header", answer.headers)
    if exchange.received:
        received = exchange.received[0]
        found |= {
            "received by": received.application, "received method": received.method,
            "received target": received.target, "received version": received.version,
            "received body": received.body, "received framing": received.framing,
            "received names as written": written(received.headers),
        }
        found |= by_name("received header", received.headers)
    return found


def readable(answer):
    """The body as a client reads it: two encoders may say the same in other bytes."""
    is_compressed = answer.values("content-encoding") == ["gzip"] and answer.body
    try:
        return gzip.decompress(answer.body) if is_compressed else answer.body
    except (OSError, EOFError, zlib.error):
        return answer.body


def by_name(what, headers):
    """All values of a header together, for their order counts and that of names does not."""
    found = {}
    for key, value in headers:
        name = key.lower()
        if name not in FRAMING:
            found.setdefault(f"{what} {name}", []).append(TIME.sub("<time>", value))
    return found


def written(headers):
    return sorted({key for key, _ in headers if key.lower() not in MADE_BY_PROXIES})


def stays(answer):
    """Whether the connection is good for another request, however that is said."""
    if answer.status in (None, 101) or answer.framing in ("close", "broken off"):
        return False
    said = ",".join(answer.values("connection")).lower()
    return "keep-alive" in said if answer.version == "HTTP/1.0" else "close" not in said


# Of this run: nginx's $msec, and Date. What applications say is of 2024.
TIME = re.compile(r"\b\d{10}\.\d{3}\b|\w{3}, \d\d \w{3} (?!2024)\d{4} [\d:]{8} GMT")

# Compared as `framing` and `stays`.
FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive"}

# Each side writes these by itself, so their place and letters are its own.
MADE_BY_PROXIES = FRAMING | {"server", "date", "host", "upgrade"}
