"""The nginx configuration of the GitLab package, as far as responses depend on it.

Written for the nginx of Debian 12: `http2` is a parameter of `listen`, and the module for /metrics of the package is
missing.
"""

from . import gitlab_package


def write(gitlab_rb, directory, public):
    """Returns the text of nginx.conf.

    Logs and temporary files are in `directory`, the error pages of GitLab in `public`.
    """
    hosts = gitlab_package.hosts(gitlab_rb)
    servers = [server(host, gitlab_rb, public) for host in hosts]
    redirects = [redirect_server(host, gitlab_rb) for host in hosts if host.redirect_port]
    # On addresses without GitLab, the first server is the default server.
    blocks = "\n".join(redirects + servers)
    custom = gitlab_rb.get("nginx", {}).get("custom_nginx_config") or ""
    return HTTP.format(
        directory=directory, gzip=gzip(gitlab_rb), workhorse=workhorse(gitlab_rb), mattermost=mattermost(gitlab_rb),
        blocks=blocks, custom=custom,
    )


def server(host, gitlab_rb, public):
    locations = {
        "gitlab": gitlab, "mattermost": mattermost_locations, "registry": registry, "pages": pages,
    }[host.role](host, gitlab_rb, public)
    scope = "gitlab_mattermost" if host.role == "mattermost" else "gitlab"
    custom_key = f"custom_{scope}_server_config"
    return f"""
server {{
{listens(host, host.port, host.tls)}
  server_name {server_name(host)};
  {tls(host)}
{hsts(host)}
{real_ip(host)}
{locations}
{host.settings.get(custom_key) or ""}
}}
"""


def listens(host, port, tls):
    parameters = " ssl" * tls + " http2" * (tls and host.settings["http2_enabled"])
    parameters += " proxy_protocol" * host.settings["proxy_protocol"] + " default_server" * (host.role == "gitlab")
    return "\n".join(f"  listen {address}:{port}{parameters};" for address in host.addresses)


def server_name(host):
    if host.role != "pages":
        return host.name
    escaped = host.name.replace(".", "\\.")
    return f'"~^(?<group>.*)\\.{escaped}$"'


def tls(host):
    if not host.tls:
        return ""
    settings = host.settings
    return (
        f"ssl_certificate {settings['ssl_certificate']}; ssl_certificate_key {settings['ssl_certificate_key']};"
        f" ssl_protocols {settings['ssl_protocols']};"
    )


def hsts(host):
    """The host of GitLab sends it with every status since 17.5, other hosts only with successful responses."""
    age = host.settings["hsts_max_age"]
    if age <= 0:
        return ""
    subdomains = "; includeSubdomains" if host.settings["hsts_include_subdomains"] else ""
    always = " always" if host.role == "gitlab" else ""
    return f'  add_header Strict-Transport-Security "max-age={age}{subdomains}"{always};'


def real_ip(host):
    lines = [f"  set_real_ip_from {address};" for address in host.settings["real_ip_trusted_addresses"]]
    for key in ("real_ip_header", "real_ip_recursive"):
        if key in host.settings:
            lines.append(f"  {key} {host.settings[key]};")
    if host.settings["proxy_protocol"] and "real_ip_header" not in host.settings:
        lines.append("  real_ip_header proxy_protocol;")
    return "\n".join(lines)


def set_headers(host):
    return "\n".join(f"  proxy_set_header {name} {value};" for name, value in host.request_headers.items())


def limits(host):
    settings = host.settings
    return (
        f"  proxy_read_timeout {settings['proxy_read_timeout']};"
        f" proxy_connect_timeout {settings['proxy_connect_timeout']}; proxy_redirect off; proxy_http_version 1.1;"
    )


def referrer_policy(host):
    policy = host.settings["referrer_policy"]
    return f"  add_header Referrer-Policy {policy};" if policy else ""


def gitlab(host, gitlab_rb, public):
    root = gitlab_package.relative_root(gitlab_rb)
    standard = 80 if not host.tls else 443
    default_host = host.name if host.url_port == standard else f"{host.name}:{host.url_port}"
    custom = host.settings.get("custom_error_pages", {})
    pages = {code: f"/{code}.html" for code in ("404", "500", "502")}
    pages |= {code: f"/{code}-custom.html" for code in custom}
    codes = "|".join(pages)
    hide = "proxy_hide_header Referrer-Policy;" if host.settings["referrer_policy"] else ""
    return f"""
  client_max_body_size {host.settings['client_max_body_size']};
  gzip_min_length 250; gzip_vary on; gzip_static on; gzip_disable "msie6";
  set $http_host_with_default "$http_host";
  if ($http_host = "") {{ set $http_host_with_default "{default_host}"; }}
{referrer_policy(host)}
  {hide}
{set_headers(host)}
{limits(host)}
  {"proxy_intercept_errors on;" if custom else ""}
  {" ".join(f"error_page {code} {page};" for code, page in pages.items())}
  location ~ ({BUFFERING_OFF}) {{ proxy_cache off; proxy_pass http://gitlab-workhorse; proxy_request_buffering off; }}
  location ~ ^{root}/api/v\\d {{ proxy_cache off; proxy_intercept_errors off; proxy_pass http://gitlab-workhorse; }}
  location {root}/assets {{ proxy_cache gitlab; proxy_pass http://gitlab-workhorse; }}
  location {root or "/"} {{ proxy_cache off; proxy_pass http://gitlab-workhorse; }}
  location ~ ^/({codes})(-custom)?\\.html$ {{ root {public}; internal; }}
{health(root)}
{kas(root, gitlab_rb)}
"""


def health(root):
    checks = [("health", "txt"), ("readiness", "json"), ("liveness", "json")]
    paths = [(f"{root}/-/{name}", kind) for name, kind in checks]
    paths += [(f"{root}/health_check{part}", "txt") for part in HEALTH_PARTS]
    locations = "\n".join(
        f"  location = {path} {{ proxy_cache off; error_page 404 500 502 /error.{kind};"
        f" proxy_http_version 1.0; proxy_pass http://gitlab-workhorse; }}"
        for path, kind in paths
    )
    return locations + ERROR_TEXTS


def kas(root, gitlab_rb):
    kas = gitlab_rb.get("gitlab_kas", {})
    if kas.get("enable") is False:
        return ""
    return f"""
  location = {root}/-/kubernetes-agent/ {{
    proxy_intercept_errors off; proxy_pass http://{kas['listen_address']}/;
  }}
  location {root}/-/kubernetes-agent/k8s-proxy/ {{
    proxy_intercept_errors off; proxy_buffering off; proxy_pass http://{kas['kubernetes_api_listen_address']}/;
  }}
"""


def mattermost_locations(host, gitlab_rb, public):
    gzip_off = "gzip off;" if host.tls else ""
    return f"""
  client_max_body_size {host.settings['client_max_body_size']};
{referrer_policy(host)}
{set_headers(host)}
{limits(host)}
  location ~ /api/v[0-9]+/(users/)?websocket$ {{
    proxy_connect_timeout 90; proxy_send_timeout 300; client_body_timeout 60; send_timeout 300;
    proxy_pass http://gitlab_mattermost;
  }}
  location ~ /plugins/focalboard/ws/* {{ proxy_pass http://gitlab_mattermost; }}
  location / {{ {gzip_off} proxy_pass http://gitlab_mattermost; }}
"""


def registry(host, gitlab_rb, public):
    address = gitlab_rb["registry"]["registry_http_addr"]
    return f"""
  client_max_body_size 0; chunked_transfer_encoding on;
{set_headers(host)}
  location / {{
    proxy_cache off; proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 900;
    proxy_http_version 1.1; proxy_pass http://{address};
  }}
"""


def pages(host, gitlab_rb, public):
    address = gitlab_rb["gitlab_pages"]["listen_proxy"]
    return f"""
  disable_symlinks on;
{set_headers(host)}
  error_page 403 /403.html; error_page 404 /404.html;
  location / {{ proxy_cache off; proxy_http_version 1.1; proxy_pass http://{address}; }}
"""


def redirect_server(host, gitlab_rb):
    port = "" if host.role == "registry" and host.url_port == 443 else f":{host.url_port}"
    target = f"https://{host.name}{port}$request_uri"
    if host.role == "pages":
        target = "https://$http_host:$request_uri"
    checks = ""
    if host.role == "gitlab":
        # This server does not set the variable, so that nginx sends health checks without Host.
        checks = 'set $http_host_with_default "";\n' + set_headers(host)
        checks += health(gitlab_package.relative_root(gitlab_rb))
    return f"""
server {{
{listens(host, host.redirect_port, False)}
  server_name {server_name(host)};
  {checks}
  location / {{ return 301 {target}; }}
}}
"""


def workhorse(gitlab_rb):
    settings = gitlab_rb["gitlab_workhorse"]
    is_unix = settings.get("listen_network") != "tcp"
    return f"unix:{settings['listen_addr']}" if is_unix else settings["listen_addr"]


def mattermost(gitlab_rb):
    settings = gitlab_rb["mattermost"]
    return f"{settings.get('service_address', '127.0.0.1')}:{settings['service_port']}"


def gzip(gitlab_rb):
    if gitlab_rb.get("nginx", {}).get("gzip_enabled") is False:
        return "gzip off;"
    return f"gzip on; gzip_http_version 1.1; gzip_comp_level 2; gzip_proxied {GZIP_PROXIED}; gzip_types {GZIP_TYPES};"


BUFFERING_OFF = (
    r"/api/v\d/jobs/\d+/artifacts$|/import/gitlab_project$|\.git/git-receive-pack$|\.git/ssh-receive-pack$"
    r"|\.git/ssh-upload-pack$|\.git/gitlab-lfs/objects|\.git/info/lfs/objects/batch$"
)
HEALTH_PARTS = ("", "/database", "/migrations", "/cache", "/geo")
GZIP_PROXIED = "no-cache no-store private expired auth"
GZIP_TYPES = (
    "text/plain text/css application/x-javascript text/xml application/xml application/xml+rss text/javascript"
    " application/json"
)

ERROR_TEXTS = """
  location /error.txt {
    default_type text/plain;
    return 500 "nginx returned $status when communicating with gitlab-workhorse\\n";
  }
  location /error.json {
    default_type application/json;
    return 500 '{"error":"nginx returned $status when communicating with gitlab-workhorse","status":$status}\\n';
  }
"""

HTTP = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
events {{ worker_connections 512; }}
http {{
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log {directory}/access.log;
  client_body_temp_path {directory}/client_body; proxy_temp_path {directory}/proxy_temp;
  fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  sendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off;
  keepalive_timeout 65; keepalive_time 1h; server_names_hash_bucket_size 64;
  {gzip}
  proxy_cache_path {directory}/proxy_cache keys_zone=gitlab:10m max_size=1g levels=1:2;
  proxy_cache gitlab;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  upstream gitlab-workhorse {{ server {workhorse} fail_timeout=0; }}
  upstream gitlab_mattermost {{ server {mattermost} fail_timeout=0; }}
{blocks}
{custom}
}}
"""
