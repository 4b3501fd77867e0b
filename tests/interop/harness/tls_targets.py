"""Targets for TLS scanners: Gatepost with default TLS settings, and with those of a gitlab.rb.

The upstream of both sends a page that is large enough for compression, as pages of GitLab are, because scanners look
at responses too.
"""

import getpass
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import certificates, gatepost, http_server, network, processes


@dataclass(frozen=True)
class TlsTarget:
    """A Gatepost to scan."""

    about: str
    port: int
    ca: Path
    # Suites by version, with the names of OpenSSL. The preferred suite is the first where the server has an order.
    suites: dict


def start_all():
    upstream = start_upstream()
    return [start_default(upstream), start_gitlab_rb(upstream)]


def start_default(upstream):
    """Without any TLS setting, with an ECDSA key."""
    proxy = gatepost.serve(gatepost.Host(NAME, upstream))
    return TlsTarget(DEFAULT, proxy.https, proxy.ca, {"TLSv1.2": ECDSA_SUITES, "TLSv1.3": TLS13_SUITES})


def start_gitlab_rb(upstream):
    """With the strict settings of the GitLab package's documentation and an RSA key."""
    directory = processes.temporary_directory()
    certificates.generate(directory, NAME)
    port = network.free_port()
    file = directory / "gitlab.rb"
    file.write_text(
        SETTINGS.format(name=NAME, port=port, directory=directory, upstream=upstream, user=getpass.getuser())
    )
    gatepost.start(["--gitlab-rb", file], port)
    return TlsTarget(GITLAB_RB, port, directory / "ca.pem", {"TLSv1.2": RSA_SUITES, "TLSv1.3": TLS13_SUITES})


def start_upstream():
    """Serves one page on a free port of 127.0.0.1. Returns its address."""
    directory = processes.temporary_directory()
    (directory / "index.html").write_text("<p>Nothing to see here.</p>\n" * 200)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=directory))
    return f"127.0.0.1:{http_server.start(server).server_address[1]}"


class Handler(http_server.Silent, SimpleHTTPRequestHandler):
    pass


NAME = "gitlab.example.com"

DEFAULT = "the default settings"
GITLAB_RB = "the settings of a gitlab.rb"

TLS13_SUITES = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]
ECDSA_SUITES = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"]
RSA_SUITES = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]

# Versions and suites are the defaults of the GitLab package, spelled out. The order of the server, the session cache
# and the disabled tickets are not.
SETTINGS = """\
external_url 'https://{name}:{port}'
letsencrypt['enable'] = false
web_server['username'] = '{user}'
gitlab_workhorse['listen_network'] = 'tcp'
gitlab_workhorse['listen_addr'] = '{upstream}'
nginx['status']['enable'] = false
nginx['listen_addresses'] = ['127.0.0.1']
nginx['log_directory'] = '{directory}'
nginx['ssl_certificate'] = '{directory}/{name}.rsa.crt'
nginx['ssl_certificate_key'] = '{directory}/{name}.rsa.key'
nginx['ssl_protocols'] = 'TLSv1.2 TLSv1.3'
nginx['ssl_ciphers'] = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:' \\
  'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:' \\
  'ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384'
nginx['ssl_prefer_server_ciphers'] = 'on'
nginx['ssl_session_tickets'] = 'off'
nginx['ssl_session_cache'] = 'shared:SSL:10m'
"""
