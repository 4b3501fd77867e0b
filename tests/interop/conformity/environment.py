"""nginx and Gatepost beside each other, from the same gitlab.rb, in front of the same applications.

They have the same ports on two addresses of this machine, so that nothing in an answer depends on which is asked.
"""

import contextlib
import getpass
import socket
import subprocess
from dataclasses import dataclass

import gatepost

from . import nginx_conf, package
from .recorder import Applications


@dataclass(frozen=True)
class Stage:
    """Both programs, ready; they differ in their address only."""

    hosts: list
    applications: Applications


def prepare(file):
    """Starts both with the settings of `file`. What follows it in the copies moves everything to this run's
    ports and directory, and changes nothing else."""
    place = gatepost.directory()
    place.chmod(0o755)
    certificate(place)
    pages(place)
    said = package.read(file)
    ports = PortMap()
    applications = Applications()
    moved = moves(said, place, ports, applications)
    for name, address in ADDRESSES.items():
        copy = place / f"{name}.rb"
        copy.write_text(file.read_text() + moved.replace("ADDRESS", address))
    applications.start()
    start_nginx(place)
    process = gatepost.start([gatepost.PROGRAM, "serve", "--gitlab-rb", place / "gatepost.rb"])
    hosts = package.hosts(package.read(place / "nginx.rb"))
    for host in hosts:
        gatepost.wait_for(process, lambda: gatepost.accepts(host.port), "Gatepost to accept connections")
    return Stage(hosts, applications)


def moves(said, place, ports, applications):
    lines = ["", "# What this run moves."]
    for host in package.hosts(said):
        lines += host_moves(package.ROLES[host.role][1], host, place, ports)
    lines += application_moves(said, place, applications)
    lines += [
        "nginx['status']['listen_addresses'] = ['ADDRESS']", f"nginx['status']['port'] = {ports[8060]}",
        f"web_server['username'] = '{getpass.getuser()}'",
    ]
    return "\n".join(lines) + "\n"


def host_moves(scope, host, place, ports):
    yield f"{scope}['listen_addresses'] = ['ADDRESS']"
    yield f"{scope}['listen_port'] = {ports[host.port]}"
    yield f"{scope}['log_directory'] = '{place}'"
    yield f"{scope}['redirect_http_to_https_port'] = {ports[host.settings['redirect_http_to_https_port']]}"
    if host.tls:
        yield f"{scope}['ssl_certificate'] = '{place}/host.crt'"
        yield f"{scope}['ssl_certificate_key'] = '{place}/host.key'"


def application_moves(said, place, applications):
    mattermost, registry, pages, agent, proxy, workhorse = (free_port() for _ in range(6))
    applications.add("mattermost", mattermost)
    applications.add("registry", registry)
    applications.add("pages", pages)
    applications.add("agent", agent)
    applications.add("kubernetes", proxy)
    yield f"mattermost['service_port'] = '{mattermost}'"
    yield f"registry['registry_http_addr'] = '127.0.0.1:{registry}'"
    yield f"gitlab_pages['listen_proxy'] = 'localhost:{pages}'"
    yield f"gitlab_kas['listen_address'] = 'localhost:{agent}'"
    yield f"gitlab_kas['kubernetes_api_listen_address'] = 'localhost:{proxy}'"
    if said.get("gitlab_workhorse", {}).get("listen_network") == "tcp":
        applications.add("workhorse", workhorse)
        yield f"gitlab_workhorse['listen_addr'] = '127.0.0.1:{workhorse}'"
    else:
        applications.add("workhorse", place / "workhorse")
        yield f"gitlab_workhorse['listen_addr'] = '{place}/workhorse'"


def start_nginx(place):
    conf = place / "nginx.conf"
    conf.write_text(nginx_conf.write(package.read(place / "nginx.rb"), place, place / "public"))
    check = subprocess.run(["nginx", "-t", "-c", conf, "-p", place], capture_output=True, text=True, timeout=30)
    if check.returncode:
        raise SystemExit(f"nginx does not take its configuration:\n{check.stderr}")
    process = gatepost.start(["nginx", "-c", conf, "-p", place])
    gatepost.wait_for(process, (place / "nginx.pid").exists, "nginx to start")


def certificate(place):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=conformity", "-addext", f"subjectAltName={NAMES}",
         "-keyout", place / "host.key", "-out", place / "host.crt"],
        check=True, capture_output=True, timeout=60,
    )


def pages(place):
    """GitLab's pages for errors, as nginx finds them on a machine with GitLab."""
    public = place / "public"
    public.mkdir(mode=0o755)
    for code in (404, 500, 502):
        for name in (f"{code}.html", f"{code}-custom.html"):
            (public / name).write_text(f"<h1>{code}</h1>\n")


class PortMap(dict):
    """Every port of the package becomes a free one above 1024, the same wherever it is named."""

    def __missing__(self, port):
        self[port] = free_port()
        return self[port]


def free_port():
    """Below those that the system gives to clients, of whom there are thousands here."""
    for port in PORTS:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for address in ADDRESSES.values():
                stack.enter_context(socket.create_server((address, port)))
            return port
    raise SystemExit("no free port is left")


PORTS = iter(range(20_000, 32_000))
ADDRESSES = {"gatepost": "127.0.0.1", "nginx": "127.0.0.2"}
NAMES = ",".join(
    f"DNS:{name}" for name in ("*.example.com", "*.corp.example.com", "*.pages.corp.example.com", "localhost")
)
