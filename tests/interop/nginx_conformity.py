#!/usr/bin/env python3
"""Compares Gatepost with nginx: the same gitlab.rb, the same requests, the same upstreams.

Each request goes to both programs. Their responses and the requests that the upstreams received are compared. A
difference fails this check unless it is expected, with a reason in docs/differences-from-nginx.md. An expected
difference that no longer exists fails it, too. Names of gitlab.rb files as arguments restrict the check to them.
"""

import sys
from pathlib import Path

from conformity import client, comparison, environment
from conformity.cases import all_cases
from conformity.expected import DOCUMENT, Expectations, missing_headings
from conformity.responses import RESPONSES
from harness import gatepost, judge


def conforms():
    names = sys.argv[1:]
    problems = missing_headings(DOCUMENT.read_text())
    expectations = Expectations()
    for file in files(names):
        problems += map(str, expectations.unexpected(differences(file)))
    if not names:
        problems += expectations.unmatched()
    print(*problems, sep="\n")
    print(f"{len(problems)} problems" if problems else "no unexpected difference")
    return not problems


def files(names):
    fixtures = gatepost.ROOT / "tests/config/gitlab_rb"
    own = Path(environment.__file__).parent / "gitlab_rb"
    every = [fixtures / f"{name}.rb" for name in FIXTURES] + sorted(own.glob("*.rb"))
    return [file for file in every if not names or file.stem in names]


def differences(file):
    """Returns all differences with this gitlab.rb."""
    prepared = environment.prepare(file)
    count = 0
    for case in all_cases(RESPONSES):
        for host in prepared.hosts:
            if applies(case, host):
                of_nginx, of_gatepost = (
                    exchange(prepared, host, case, environment.ADDRESSES[name]) for name in ("nginx", "gatepost")
                )
                yield from comparison.differences(file.stem, host.role, case, of_nginx, of_gatepost)
                count += 1
    print(f"{file.stem}: {count} requests")


def applies(case, host):
    if case.limited and not limits_bodies(host):
        return False
    if case.is_http2 and not offers_http2(host):
        return False
    return host.role in case.roles and (host.redirect_port is not None or not case.on_redirect)


def offers_http2(host):
    """curl sends no PROXY header with a given address."""
    return host.tls and host.settings["http2_enabled"] and not host.settings["proxy_protocol"]


def limits_bodies(host):
    return host.role in ("gitlab", "mattermost") and host.settings["client_max_body_size"] != 0


def exchange(prepared, host, case, address):
    upstreams = prepared.upstreams
    upstreams.received.clear()
    upstreams.response = RESPONSES[case.response]
    if case.down:
        upstreams.stop()
    response = send(host, case, address)
    received = list(upstreams.received)
    if case.down:
        upstreams.start()
    return comparison.Exchange(response, received)


def send(host, case, address):
    port = host.redirect_port if case.on_redirect else host.port
    over_tls = host.tls and not case.on_redirect and case.server_name != "plain"
    name = f"group.{host.name}" if host.role == "pages" else host.name
    server_name = (name if case.server_name is None else case.server_name) if over_tls else None
    header = PROXY_HEADER if host.settings["proxy_protocol"] else b""
    connection = client.Connection(address, port, server_name, header)
    if case.is_http2:
        return client.send_http2(connection, name, case.request)
    request = case.request.replace(b"{host}", name.encode()).replace(b"{HOST}", name.upper().encode())
    return client.send(connection, request, case.after)


FIXTURES = (
    "01-minimal", "02-company", "03-behind-balancer", "04-proxy-protocol", "05-headers", "06-relative-url",
    "08-snippets",
)
PROXY_HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n"


if __name__ == "__main__":
    judge.require_gatepost()
    judge.run(conforms, "nginx", "ruby", "curl", "openssl")
