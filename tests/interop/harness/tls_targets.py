"""What the scanners of TLS look at: Gatepost on its own terms, and on those of a gitlab.rb.

The application behind both answers with a page that is worth compressing, so that a scanner which looks at
answers sees one as GitLab gives them.
"""

import getpass
import threading
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gatepost


@dataclass(frozen=True)
class Scanned:
    """A Gatepost to scan: where it listens, whom to trust, and what it offers."""

    about: str
    port: int
    authority: Path
    # Suites by version, as OpenSSL calls them; the preferred one first where the server has an order.
    suites: dict


def all_terms():
    """Starts a Gatepost on each of the terms."""
    application = start_application()
    return [on_own_terms(application), on_terms_of_gitlab_rb(application)]


def on_own_terms(application):
    """Nothing is said about TLS. The key is ECDSA."""
    proxy = gatepost.serve(gatepost.Host(NAME, application))
    return Scanned(OWN, proxy.https, proxy.authority, {"TLSv1.2": ECDSA_SUITES, "TLSv1.3": TLS13_SUITES})


def on_terms_of_gitlab_rb(application):
    """What the package's documentation shows for those who want to be strict. The key is RSA."""
    place = gatepost.directory()
    gatepost.certificates(place, [gatepost.Host(NAME, application)])
    (port,) = gatepost.free_ports(1)
    file = place / "gitlab.rb"
    file.write_text(
        SETTINGS.format(name=NAME, port=port, place=place, application=application, user=getpass.getuser())
    )
    process = gatepost.start([gatepost.PROGRAM, "serve", "--gitlab-rb", file])
    gatepost.wait_for(process, lambda: gatepost.accepts(port), "Gatepost to accept connections")
    return Scanned(GITLAB_RB, port, place / "ca.pem", {"TLSv1.2": RSA_SUITES, "TLSv1.3": TLS13_SUITES})


def start_application():
    """Serves one page on a free port of 127.0.0.1 until the script ends. Returns its address."""
    place = gatepost.directory()
    (place / "index.html").write_text("<p>Nothing to see here.</p>\n" * 200)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=place))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_address[1]}"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing: Gatepost keeps the log."""


NAME = "gitlab.example.com"

OWN = "its own terms"
GITLAB_RB = "the terms of a gitlab.rb"

TLS13_SUITES = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]
ECDSA_SUITES = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"]
RSA_SUITES = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]

# Versions and suites are the package's own, written out; the order and the memory of sessions are not.
SETTINGS = """\
external_url 'https://{name}:{port}'
letsencrypt['enable'] = false
web_server['username'] = '{user}'
gitlab_workhorse['listen_network'] = 'tcp'
gitlab_workhorse['listen_addr'] = '{application}'
nginx['status']['enable'] = false
nginx['listen_addresses'] = ['127.0.0.1']
nginx['log_directory'] = '{place}'
nginx['ssl_certificate'] = '{place}/{name}.rsa.crt'
nginx['ssl_certificate_key'] = '{place}/{name}.rsa.key'
nginx['ssl_protocols'] = 'TLSv1.2 TLSv1.3'
nginx['ssl_ciphers'] = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:' \\
  'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:' \\
  'ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384'
nginx['ssl_prefer_server_ciphers'] = 'on'
nginx['ssl_session_tickets'] = 'off'
nginx['ssl_session_cache'] = 'shared:SSL:10m'
"""
