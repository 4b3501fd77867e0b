"""The differences that are deliberate. Each has its reason below its heading in docs/differences-from-nginx.md."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .cases import FAILING

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/differences-from-nginx.md"


@dataclass(frozen=True)
class Rule:
    """What is alike in some differences, and the heading of its reason."""

    heading: str
    holds: Callable


class Expectations:
    """Which differences are expected, and which expectations have been met."""

    def __init__(self):
        self._met = set()

    def unexpected(self, differences):
        return [each for each in differences if not self._expects(each)]

    def complaints(self):
        """Expectations that nothing met, and those without a reason."""
        headings = set(re.findall(r"^#+ (.*)$", DOCUMENT.read_text(), re.MULTILINE))
        unmet = [f"nothing differs any more by: {rule.heading}" for rule in RULES if rule not in self._met]
        unnamed = {rule.heading for rule in RULES} - headings
        return unmet + [f"{DOCUMENT.name} has no heading: {heading}" for heading in sorted(unnamed)]

    def _expects(self, difference):
        holding = [rule for rule in RULES if rule.holds(difference)]
        self._met.update(holding)
        return bool(holding)


def rule(heading, *aspects, when=lambda difference: True):
    """Differences in these aspects; a trailing `*` stands for any end."""
    names = {name for name in aspects if not name.endswith("*")}
    starts = tuple(name[:-1] for name in aspects if name.endswith("*"))

    def holds(difference):
        named = difference.aspect in names or (starts and difference.aspect.startswith(starts))
        return named and when(difference)

    return Rule(heading, holds)


def outcome(heading, nginx, gatepost, *cases):
    """Everything about these cases, as long as they end with these statuses; `...` is any."""

    def holds(difference):
        theirs, ours = statuses(difference)
        return plain_name(difference) in cases and fits(theirs, nginx) and fits(ours, gatepost)

    return Rule(heading, holds)


def fits(status, wanted):
    return wanted is ... or status in wanted


def statuses(difference):
    return tuple(exchange.answer.status for exchange in difference.exchanges)


def plain_name(difference):
    return difference.case.name.removeprefix("redirect: ")


def is_own(difference):
    """Whether Gatepost made its answer itself."""
    case = difference.case
    return not difference.exchanges[1].received or case.answer in FAILING or case.down


def is_error(difference):
    theirs, ours = statuses(difference)
    return theirs == ours and ours is not None and ours >= 400


def is_own_error(difference):
    return is_error(difference) and is_own(difference)


def has_no_nginx_value(difference):
    return difference.nginx is None


def has_no_gatepost_value(difference):
    return difference.gatepost is None


def sends_it_once(difference):
    """One header where nginx has none, or the application's beside its own."""
    return len(difference.gatepost or []) == 1 and len(difference.nginx or []) != 1


def is_plain_host(difference):
    """The host does not speak TLS, and no balancer does it for it: then applications are told `http`."""
    return difference.scenario in ("http-only", "06-relative-url") and has_no_hsts_but_the_applications(difference)


def has_no_hsts_but_the_applications(difference):
    return difference.gatepost in (None, ["max-age=1"])


def names_no_port(difference):
    """The same address, without a port that https has anyway, with a path, and without what is behind `#`."""
    theirs, ours = difference.nginx or [""], difference.gatepost or [""]
    without_port = re.sub(r"^(https://[^/:?]+):(443)?(?=[/?]|$)", r"\1", theirs[0]).partition("#")[0]
    with_path = re.sub(r"^(https://[^/?]+)(?=\?|$)", r"\1/", without_port)
    return lower_host(with_path) == ours[0]


def is_the_last_address(difference):
    appended = (difference.nginx or [""])[0].split(", ")
    return len(appended) > 1 and difference.gatepost == [appended[-1]]


def has_an_empty_port(difference):
    """What the package writes for Pages: the Host header, whatever it is, and a colon."""
    ours = difference.gatepost or [""]
    return difference.role == "pages" and ours[0].startswith("https://group.pages.") and ":" not in ours[0][8:]


def is_no_proper_upgrade(difference):
    return difference.gatepost is None and plain_name(difference) in (
        "Upgrade without Connection", "upgrade with a body", "upgrade in HTTP/1.0", "upgrade to HTTP/2",
    )


def is_no_plain_host(difference):
    """nginx sends none, or one that has nothing to do with the target."""
    name = plain_name(difference)
    if name.startswith("absolute target"):
        return difference.gatepost is not None
    return has_no_nginx_value(difference) or name in ("no Host, HTTP/1.0", "health check, HTTP/1.0")


def has_no_body(difference):
    return not difference.exchanges[1].answer.body


def lower_host(url):
    return re.sub(r"^https://[^/?]+", lambda found: found[0].lower(), url)


def is_outside_the_root(difference):
    """Gatepost's 404 below a relative root; nginx serves files there, or lets a few patterns through."""
    ours = difference.exchanges[1]
    is_there = difference.scenario in RELATIVE and difference.role == "gitlab"
    return is_there and ours.answer.status == 404 and is_own(difference)


def is_gitlabs_page(difference):
    """nginx finds the pages of the test; Gatepost looks where a real GitLab has them."""
    return difference.role == "gitlab" and difference.exchanges[0].answer.body.startswith(b"<h1>")


RELATIVE = ("06-relative-url", "relative-url")

RULES = [
    # What clients see.
    rule("The Server header", "answer's header server", when=has_no_gatepost_value),
    rule("The Date header", "answer's header date", when=lambda it: "2024" in (it.gatepost or [""])[0]),
    rule("Letters and order of headers", "header names as written", "order of headers", "received names as written"),
    rule("Pages that the proxy makes", "body", "reason", "answer's header content-type", "answer's header etag",
         "answer's header allow", "answer's header date", when=is_own_error),
    rule("Pages that the proxy makes", "body", "answer's header content-type", "answer's header etag",
         "answer's header vary", when=is_gitlabs_page),
    rule("Connections after an error", "connection stays", when=lambda it: is_error(it) and it.gatepost),
    rule("Security headers", "answer's header strict-transport-security", "answer's header referrer-policy",
         when=sends_it_once),
    rule("Security headers", "answer's header strict-transport-security", when=is_plain_host),
    rule("Security headers", "answer's header strict-transport-security", when=is_own_error),
    rule("Redirects", "answer's header location", when=names_no_port),
    rule("Redirects", "answer's header location", when=has_an_empty_port),
    rule("Redirects", "body", "answer's header content-type",
         when=lambda it: it.case.on_redirect and it.exchanges[1].answer.status == 301 and has_no_body(it)),
    rule("Caching", "answer's header accept-ranges", "received header if-modified-since",
         "received header if-none-match", "received header if-range", "received header range", when=has_no_nginx_value),
    rule("Caching", "received method", when=lambda it: (it.nginx, it.gatepost) == ("GET", "HEAD")),
    rule("Headers of one connection", "answer's header x-hop", "received header x-hop",
         "received header proxy-connection", when=has_no_gatepost_value),
    outcome("Large heads", (400, 414), ..., "9 KiB header", "40 KiB of cookies", "9 KiB target"),
    outcome("Large heads", (502,), (200,), "answer: longer header"),
    outcome("Malformed requests", (200, 301, 404), (400,), "target /a<b>", "target /a^b`",
            "target /\u00e9", "target /x?a=\"b\"", "HTTP/1.2", "two spaces",
            "Host with a bad port", "Host with letters as port", "Host with user",
            "non-ASCII Host", "line without a colon"),
    outcome("Malformed requests", (505, 501, None), (400,), "HTTP/2.0 in text", "unknown coding", "gzip, chunked",
            "no version"),
    outcome("Malformed requests", (400,), (404,), "target *", "OPTIONS of everything"),
    outcome("Methods", (400,), (405,), "CONNECT"),
    outcome("Methods", (400,), (200, 301, 404), "get", "HTTP/2: get"),
    outcome("Lengths and codings", (400, 501), (200, 301, 404), "chunked and length",
            "two equal lengths"),
    outcome("Answers that break off", (200,), (200, None), "application fails: broken body"),
    rule("Answers that break off", "requests received", when=lambda it: it.case.answer in FAILING),
    rule("Trailers", "body", when=lambda it: it.case.name == "HTTP/2: answer: trailers"),
    outcome("The error texts", (500,), (200, 301, 404), "target /error.txt"),
    outcome("The agent's path without its slash", (301,), (200,), "target /-/kubernetes-agent"),
    Rule("The rest of a relative root", is_outside_the_root),
    outcome("The body limit of Pages", (413,), (200,), "1.5 MB"),
    # What applications receive.
    rule("What clients say about themselves", *(f"received header {name}" for name in (
        "forwarded", "x-forwarded-host", "x-forwarded-port", "x-forwarded-server", "x-original-forwarded-for",
        "true-client-ip", "cf-connecting-ip", "x-client-ip", "x-scheme", "x-accel-redirect", "x-forwarded-ssl",
        "http2-settings")), when=has_no_gatepost_value),
    rule("X-Forwarded-For", "received header x-forwarded-for", when=is_the_last_address),
    rule("Headers that are set or taken away", "received header x-real-ip", "received header x-frame-options",
         when=has_no_gatepost_value),
    rule("Names of headers", "received header x!bang", "received header x.dot", "received header x~tilde"),
    rule("HTTP/1.1 to the application", "received version",
         when=lambda it: (it.nginx, it.gatepost) == ("HTTP/1.0", "HTTP/1.1")),
    rule("Bodies are passed on as they come", "received framing",
         when=lambda it: (it.nginx, it.gatepost) == ("length", "chunked")),
    rule("Bodies are passed on as they come", "received header expect", when=has_no_nginx_value),
    rule("Upgrades", "received header upgrade", when=is_no_proper_upgrade),
    rule("Upgrades", "received header upgrade",
         when=lambda it: it.role in ("pages", "registry") and has_no_nginx_value(it)),
    rule("Which Host applications see", "received header host", when=is_no_plain_host),
    rule("The part behind a number sign", "received target",
         when=lambda it: (it.nginx or "").partition("#")[0] == it.gatepost),
]
