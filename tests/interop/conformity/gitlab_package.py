"""The hosts that the GitLab package derives from a gitlab.rb, with their listeners, names and settings.

The rules are those of the last packages with Mattermost (18.x). Only the settings of the compared gitlab.rb files are
implemented.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from harness import processes

READER = Path(__file__).parent / "read_gitlab_rb.rb"


@dataclass(frozen=True)
class Host:
    """A virtual host of the package."""

    role: str
    name: str
    url_port: int
    url_https: bool
    tls: bool
    port: int
    redirect_port: int | None
    settings: dict
    # Request headers for the upstream, in the order of the package.
    request_headers: dict = field(default_factory=dict)

    @property
    def addresses(self):
        return self.settings["listen_addresses"]


def read(file):
    """Returns the settings of a gitlab.rb, evaluated by Ruby."""
    return json.loads(processes.output(["ruby", READER, file], LIMIT))


def hosts(gitlab_rb):
    """Returns the hosts in the order in which the nginx of the package reads them."""
    found = []
    for role, (url_key, scope) in ROLES.items():
        url = gitlab_rb.get(url_key)
        enabled = gitlab_rb.get(SERVICES.get(role), {}).get("enable", True)
        if url and enabled is not False:
            defaults = DEFAULTS | {"http2_enabled": role != "registry"}
            found.append(host(role, urlsplit(url), defaults | set_in(gitlab_rb.get(scope, {}))))
    return found


def host(role, url, settings):
    https = url.scheme == "https"
    url_port = url.port or (443 if https else 80)
    tls = settings.get("listen_https", https)
    redirect = tls and settings["redirect_http_to_https"]
    return Host(
        role, url.hostname, url_port, https, tls, settings.get("listen_port", url_port),
        settings["redirect_http_to_https_port"] if redirect else None,
        settings, request_headers(role, https, settings),
    )


def relative_root(gitlab_rb):
    return urlsplit(gitlab_rb.get("external_url") or "").path.rstrip("/")


def set_in(section):
    """Omits `nil`, which means something only in proxy_set_headers."""
    return {key: value for key, value in section.items() if value is not None}


def request_headers(role, https, settings):
    client = "$proxy_protocol_addr" if settings["proxy_protocol"] else "$remote_addr"
    appended = client if settings["proxy_protocol"] else "$proxy_add_x_forwarded_for"
    headers = {
        "Host": "$http_host_with_default" if role == "gitlab" else "$http_host",
        "X-Real-IP": client,
        "X-Forwarded-For": client if role == "gitlab" else appended,
        "X-Forwarded-Proto": "https" if https else "http",
    }
    if https:
        headers["X-Forwarded-Ssl"] = "on"
    if role in ("gitlab", "mattermost"):
        headers |= {"Upgrade": "$http_upgrade", "Connection": "$connection_upgrade"}
    else:
        headers["Connection"] = "close"
    if role == "mattermost":
        headers["X-Frame-Options"] = "SAMEORIGIN"
    headers |= settings.get("proxy_set_headers", {})
    return {name: value for name, value in headers.items() if value is not None}


# In the order of the includes of the package: the first host on an address is its default server.
ROLES = {
    "gitlab": ("external_url", "nginx"),
    "pages": ("pages_external_url", "pages_nginx"),
    "mattermost": ("mattermost_external_url", "mattermost_nginx"),
    "registry": ("registry_external_url", "registry_nginx"),
}
SERVICES = {"gitlab": "gitlab_rails", "mattermost": "mattermost", "registry": "registry"}

DEFAULTS = {
    "listen_addresses": ["*"],
    "redirect_http_to_https": False,
    "redirect_http_to_https_port": 80,
    "client_max_body_size": 0,
    "proxy_read_timeout": 3600,
    "proxy_connect_timeout": 300,
    "proxy_protocol": False,
    "hsts_max_age": 63072000,
    "hsts_include_subdomains": False,
    "referrer_policy": "strict-origin-when-cross-origin",
    "real_ip_trusted_addresses": [],
    "ssl_protocols": "TLSv1.2 TLSv1.3",
}

# Seconds.
LIMIT = 30
