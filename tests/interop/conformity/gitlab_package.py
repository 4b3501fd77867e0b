"""What the package makes of a gitlab.rb: its hosts with their listeners, names and settings.

The rules are those of the last packages with Mattermost (18.x). Only what the files beside this one use
is here; the comparison is about requests, not about every setting.
"""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

READER = Path(__file__).parent / "read_gitlab_rb.rb"


@dataclass(frozen=True)
class Host:
    """One of the package's hosts."""

    role: str
    name: str
    url_port: int
    url_https: bool
    tls: bool
    port: int
    redirect_port: int | None
    settings: dict
    # Headers for the application, in the order in which the package writes them.
    request_headers: dict = field(default_factory=dict)

    @property
    def addresses(self):
        return self.settings["listen_addresses"]


def read(file):
    """What a gitlab.rb sets, by Ruby's own account."""
    done = subprocess.run(["ruby", READER, file], check=True, capture_output=True, text=True, timeout=30)
    return json.loads(done.stdout)


def hosts(said):
    """The hosts that `said` asks for, in the order in which the package's nginx reads them."""
    found = []
    for role, (url_key, scope) in ROLES.items():
        url = said.get(url_key)
        enabled = said.get(SERVICES.get(role), {}).get("enable", True)
        if url and enabled is not False:
            defaults = DEFAULTS | {"http2_enabled": role != "registry"}
            found.append(host(role, urlsplit(url), defaults | set_in(said.get(scope, {}))))
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


def relative_root(said):
    return urlsplit(said.get("external_url") or "").path.rstrip("/")


def set_in(section):
    """`nil` is not set; only for proxy_set_headers it means something."""
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


# In the order of the package's includes: the first on an address is its default server.
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
