#!/usr/bin/env python3
"""Gatepost beside the real nginx: the same gitlab.rb, the same requests, the same applications.

Each request goes to both, and the answers and what the applications received are compared. A difference is
either expected, with its reason in docs/differences-from-nginx.md, or it fails this check; an expected one
that is no longer there fails it, too. With a name as an argument, only that gitlab.rb is used.
"""

import sys
from pathlib import Path

import gatepost
from conformity import client, compare, stage
from conformity.answers import ANSWERS
from conformity.cases import all_cases
from conformity.expected import Expectations


def main(names):
    expectations = Expectations()
    unexpected = []
    for file in files(names):
        unexpected += expectations.unexpected(found(file))
    for difference in unexpected:
        print(difference)
    complaints = expectations.complaints() if not names else []
    print("\n".join(complaints))
    if unexpected or complaints:
        raise SystemExit(f"{len(unexpected)} differences that nobody expects")
    print("no difference that nobody expects")


def files(names):
    fixtures = gatepost.ROOT / "tests/config/gitlab_rb"
    own = Path(stage.__file__).parent / "gitlab_rb"
    every = [fixtures / f"{name}.rb" for name in FIXTURES] + sorted(own.glob("*.rb"))
    return [file for file in every if not names or file.stem in names]


def found(file):
    """All differences with this gitlab.rb."""
    with_file = stage.prepare(file)
    count = 0
    for case in all_cases(ANSWERS):
        for host in with_file.hosts:
            if fits(case, host):
                nginx, ours = (exchange(with_file, host, case, stage.ADDRESSES[name]) for name in ("nginx", "gatepost"))
                yield from compare.differences(file.stem, host.role, case, nginx, ours)
                count += 1
    print(f"{file.stem}: {count} requests")


def fits(case, host):
    if case.limited and not limits_bodies(host):
        return False
    if case.is_http2 and not speaks_http2(host):
        return False
    return host.role in case.roles and (host.redirect_port is not None or not case.on_redirect)


def speaks_http2(host):
    """curl does not write PROXY headers of our choice."""
    return host.tls and host.settings["http2_enabled"] and not host.settings["proxy_protocol"]


def limits_bodies(host):
    return host.role in ("gitlab", "mattermost") and host.settings["client_max_body_size"] != 0


def exchange(with_file, host, case, address):
    applications = with_file.applications
    applications.received.clear()
    applications.answer = ANSWERS[case.answer]
    if case.down:
        applications.stop()
    answer = ask(host, case, address)
    received = list(applications.received)
    if case.down:
        applications.start()
    return compare.Exchange(answer, received)


def ask(host, case, address):
    port = host.redirect_port if case.on_redirect else host.port
    over_tls = host.tls and not case.on_redirect and case.server_name != "plain"
    name = f"group.{host.name}" if host.role == "pages" else host.name
    server_name = (name if case.server_name is None else case.server_name) if over_tls else None
    way = client.Way(address, port, server_name, PROXY_HEADER if host.settings["proxy_protocol"] else b"")
    if case.is_http2:
        return client.ask_http2(way, name, case.request)
    request = case.request.replace(b"{host}", name.encode()).replace(b"{HOST}", name.upper().encode())
    return client.ask(way, request, case.after)


FIXTURES = (
    "01-minimal", "02-company", "03-behind-balancer", "04-proxy-protocol", "05-headers", "06-relative-url",
    "08-snippets",
)
PROXY_HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n"


if __name__ == "__main__":
    main(sys.argv[1:])
