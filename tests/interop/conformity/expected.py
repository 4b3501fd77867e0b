"""The deliberate differences. The reason of each is in docs/differences-from-nginx.md, below the heading named here."""

import difflib
import re
from pathlib import Path

from .cases import ABORTED

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/differences-from-nginx.md"


class Expectations:
    """Selects unexpected differences, and records which rules matched a difference."""

    def __init__(self):
        self._matched = set()

    def unexpected(self, differences):
        return [each for each in differences if not self._expects(each)]

    def unmatched(self):
        """Returns a message for each rule that matched no difference."""
        return [
            f"nothing differs any more by rule {number} of {heading!r} in {Path(__file__).name}; remove the rule"
            for heading, rules in EXPECTED.items()
            for number, rule in enumerate(rules, 1)
            if rule not in self._matched
        ]

    def _expects(self, difference):
        matching = [rule for rules in EXPECTED.values() for rule in rules if rule(difference)]
        self._matched.update(matching)
        return bool(matching)


def missing_headings(text):
    """Returns a message for each heading of EXPECTED that `text`, the document, lacks."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [missing_heading(each, headings) for each in EXPECTED if each not in headings]


def missing_heading(heading, headings):
    similar = difflib.get_close_matches(heading, headings, n=1, cutoff=0.4)
    hint = f" If it is now {similar[0]!r}, rename the key in EXPECTED." if similar else ""
    return (
        f"docs/{DOCUMENT.name} has no heading {heading!r}, below which EXPECTED in "
        f"tests/interop/conformity/{Path(__file__).name} finds the reason of differences.{hint}"
    )


def aspects(*names, when=lambda difference: True):
    """Matches differences in these aspects. A trailing `*` stands for any end of a name."""
    exact = {name for name in names if not name.endswith("*")}
    starts = tuple(name[:-1] for name in names if name.endswith("*"))

    def matches(difference):
        named = difference.aspect in exact or (starts and difference.aspect.startswith(starts))
        return named and when(difference)

    return matches


def outcome(nginx, gatepost, *cases):
    """Matches all differences in these cases if the statuses are as given; `...` is any status."""

    def matches(difference):
        of_nginx, of_gatepost = statuses(difference)
        return plain_name(difference) in cases and fits(of_nginx, nginx) and fits(of_gatepost, gatepost)

    return matches


def fits(status, wanted):
    return wanted is ... or status in wanted


def statuses(difference):
    return tuple(exchange.response.status for exchange in difference.exchanges)


def plain_name(difference):
    return difference.case.name.removeprefix("redirect: ")


def is_local_response(difference):
    """Returns whether Gatepost generated the response."""
    case = difference.case
    return not difference.exchanges[1].received or case.response in ABORTED or case.down


def is_error(difference):
    of_nginx, of_gatepost = statuses(difference)
    return of_nginx == of_gatepost and of_gatepost is not None and of_gatepost >= 400


def is_local_error(difference):
    return is_error(difference) and is_local_response(difference)


def has_no_nginx_value(difference):
    return difference.nginx is None


def has_no_gatepost_value(difference):
    return difference.gatepost is None


def is_sent_once(difference):
    """Gatepost sends one header. nginx sends none, or its own and that of the upstream."""
    return len(difference.gatepost or []) == 1 and len(difference.nginx or []) != 1


def is_the_upstreams_policy(difference):
    return difference.case.response == "own security headers" and difference.gatepost == ["no-referrer"]


def is_plain_host(difference):
    """Neither the host nor a load balancer uses TLS; upstreams receive `X-Forwarded-Proto: http`."""
    return difference.gitlab_rb in ("http-only", "06-relative-url") and has_no_hsts_except_the_upstreams(difference)


def has_no_hsts_except_the_upstreams(difference):
    return difference.gatepost in (None, ["max-age=1"])


def names_no_port(difference):
    """The same URL without the default port of https, with a path, and without a fragment."""
    of_nginx, of_gatepost = difference.nginx or [""], difference.gatepost or [""]
    without_port = re.sub(r"^(https://[^/:?]+):(443)?(?=[/?]|$)", r"\1", of_nginx[0]).partition("#")[0]
    with_path = re.sub(r"^(https://[^/?]+)(?=\?|$)", r"\1/", without_port)
    return lower_host(with_path) == of_gatepost[0]


def is_the_last_address(difference):
    appended = (difference.nginx or [""])[0].split(", ")
    return len(appended) > 1 and difference.gatepost == [appended[-1]]


def has_an_empty_port(difference):
    """The redirect of Pages in the package: the Host header as received, and a colon."""
    of_gatepost = difference.gatepost or [""]
    is_pages_url = of_gatepost[0].startswith("https://group.pages.") and ":" not in of_gatepost[0][8:]
    return difference.role == "pages" and is_pages_url


def is_no_valid_upgrade(difference):
    return difference.gatepost is None and plain_name(difference) in (
        "Upgrade without Connection", "upgrade with a body", "upgrade in HTTP/1.0", "upgrade to HTTP/2",
    )


def is_other_host(difference):
    """nginx sends no Host, or one that differs from the host in the target."""
    name = plain_name(difference)
    if name.startswith("absolute target"):
        return difference.gatepost is not None
    return has_no_nginx_value(difference) or name in ("no Host, HTTP/1.0", "health check, HTTP/1.0")


def has_no_body(difference):
    return not difference.exchanges[1].response.body


def lower_host(url):
    return re.sub(r"^https://[^/?]+", lambda found: found[0].lower(), url)


def is_outside_the_root(difference):
    """Gatepost responds with 404 outside a relative root; nginx serves files there, or forwards a few patterns."""
    of_gatepost = difference.exchanges[1]
    is_relative = difference.gitlab_rb in RELATIVE and difference.role == "gitlab"
    return is_relative and of_gatepost.response.status == 404 and is_local_response(difference)


def is_page_of_gitlab(difference):
    """nginx finds the error pages of the test; Gatepost searches the directory of a real GitLab."""
    return difference.role == "gitlab" and difference.exchanges[0].response.body.startswith(b"<h1>")


RELATIVE = ("06-relative-url", "relative-url")

# Headings of the document, each with the rules that match its differences.
EXPECTED = {
    # What clients see.
    "The Server header": [aspects("response header server", when=has_no_gatepost_value)],
    "The Date header": [aspects("response header date", when=lambda it: "2024" in (it.gatepost or [""])[0])],
    "Letters and order of headers": [
        aspects("header names as written", "order of headers", "received names as written"),
    ],
    "Pages that the proxy makes": [
        aspects("body", "reason", "response header content-type", "response header etag", "response header allow",
                "response header date", when=is_local_error),
        aspects("body", "response header content-type", "response header etag", "response header vary",
                when=is_page_of_gitlab),
    ],
    "Connections after an error": [aspects("connection persists", when=lambda it: is_error(it) and it.gatepost)],
    "Security headers": [
        aspects("response header strict-transport-security", "response header referrer-policy", when=is_sent_once),
        aspects("response header referrer-policy", when=is_the_upstreams_policy),
        aspects("response header strict-transport-security", when=is_plain_host),
        aspects("response header strict-transport-security", when=is_local_error),
    ],
    "Redirects": [
        aspects("response header location", when=names_no_port),
        aspects("response header location", when=has_an_empty_port),
        aspects("body", "response header content-type", when=lambda it: (
            it.case.on_redirect and it.exchanges[1].response.status == 301 and has_no_body(it))),
    ],
    "Caching": [
        aspects("response header accept-ranges", "received header if-modified-since", "received header if-none-match",
                "received header if-range", "received header range", when=has_no_nginx_value),
        aspects("received method", when=lambda it: (it.nginx, it.gatepost) == ("GET", "HEAD")),
    ],
    "Headers of one connection": [
        aspects("response header x-hop", "received header x-hop", "received header proxy-connection",
                when=has_no_gatepost_value),
    ],
    "Large heads": [
        outcome((400, 414), ..., "9 KiB header", "40 KiB of cookies", "9 KiB target"),
        outcome((502,), (200,), "response: longer header"),
    ],
    "Malformed requests": [
        outcome((200, 301, 404), (400,), "target /a<b>", "target /a^b`", "target /\u00e9", "target /x?a=\"b\"",
                "HTTP/1.2", "two spaces", "Host with a bad port", "Host with letters as port", "Host with user",
                "non-ASCII Host", "line without a colon"),
        outcome((505, 501, None), (400,), "HTTP/2.0 in text", "unknown coding", "gzip, chunked", "no version"),
        outcome((400,), (404,), "target *", "OPTIONS of everything"),
    ],
    "Methods": [
        outcome((400,), (405,), "CONNECT"),
        outcome((400,), (200, 301, 404), "get", "HTTP/2: get"),
    ],
    "Lengths and codings": [outcome((400, 501), (200, 301, 404), "chunked and length", "two equal lengths")],
    "Responses that may not be changed": [
        aspects("response header content-encoding", "response header vary",
                when=lambda it: "untransformed text" in it.case.name and has_no_gatepost_value(it)),
    ],
    "Aborted responses": [
        outcome((200,), (200, None), "aborted response: aborted body"),
        aspects("requests received", when=lambda it: it.case.response in ABORTED),
    ],
    "Trailers": [aspects("body", when=lambda it: it.case.name == "HTTP/2: response: trailers")],
    "The error texts": [outcome((500,), (200, 301, 404), "target /error.txt")],
    "The agent's path without its slash": [outcome((301,), (200,), "target /-/kubernetes-agent")],
    "The rest of a relative root": [is_outside_the_root],
    "The body limit of Pages": [outcome((413,), (200,), "1.5 MB")],
    # What upstreams receive.
    "Client-supplied forwarding headers": [
        aspects(*(f"received header {name}" for name in (
            "forwarded", "x-forwarded-host", "x-forwarded-port", "x-forwarded-server", "x-original-forwarded-for",
            "true-client-ip", "cf-connecting-ip", "x-client-ip", "x-scheme", "x-accel-redirect", "x-forwarded-ssl",
            "http2-settings")), when=has_no_gatepost_value),
    ],
    "X-Forwarded-For": [aspects("received header x-forwarded-for", when=is_the_last_address)],
    "Headers that are set or taken away": [
        aspects("received header x-real-ip", "received header x-frame-options", when=has_no_gatepost_value),
    ],
    "Names of headers": [
        aspects("received header x!bang", "received header x.dot", "received header x~tilde"),
    ],
    "HTTP/1.1 to the upstream": [
        aspects("received version", when=lambda it: (it.nginx, it.gatepost) == ("HTTP/1.0", "HTTP/1.1")),
    ],
    "Bodies are passed on as they come": [
        aspects("received framing", when=lambda it: (it.nginx, it.gatepost) == ("length", "chunked")),
    ],
    "Expect": [
        aspects("received header expect",
                when=lambda it: it.role in ("mattermost", "registry") and has_no_nginx_value(it)),
    ],
    "Upgrades": [
        aspects("received header upgrade", when=is_no_valid_upgrade),
        aspects("received header upgrade",
                when=lambda it: it.role in ("pages", "registry") and has_no_nginx_value(it)),
    ],
    "The Host header of requests": [aspects("received header host", when=is_other_host)],
    "The part behind a number sign": [
        aspects("received target", when=lambda it: (it.nginx or "").partition("#")[0] == it.gatepost),
    ],
}
