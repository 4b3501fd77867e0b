"""Runs nginx and Gatepost with the same gitlab.rb in front of the same upstreams.

They use the same ports on two addresses of this machine, so that responses do not depend on the program.
"""

import getpass
from dataclasses import dataclass

from harness import certificates, gatepost, network, processes
from harness.processes import ToolError

from . import gitlab_package, nginx_conf
from .upstreams import Upstreams


@dataclass(frozen=True)
class Environment:
    """The hosts that both programs serve, and their upstreams."""

    hosts: list
    upstreams: Upstreams


def prepare(file):
    """Starts both programs with the settings of `file`.

    The copies of the file end with overrides that set ports and directories of this run, and change nothing else.
    """
    directory = processes.temporary_directory()
    directory.chmod(0o755)
    certificates.self_signed(directory, "host", NAMES)
    write_error_pages(directory / "public")
    settings = gitlab_package.read(file)
    upstreams = Upstreams()
    text = overrides(settings, directory, upstreams)
    for name, address in ADDRESSES.items():
        (directory / f"{name}.rb").write_text(file.read_text() + text.replace("ADDRESS", address))
    upstreams.start()
    start_nginx(directory)
    hosts = gitlab_package.hosts(gitlab_package.read(directory / "nginx.rb"))
    gatepost.start(["--gitlab-rb", directory / "gatepost.rb"], *(host.port for host in hosts))
    return Environment(hosts, upstreams)


def overrides(settings, directory, upstreams):
    ports = PortMap()
    lines = ["", "# Ports and directories of this run."]
    for host in gitlab_package.hosts(settings):
        lines += host_overrides(gitlab_package.ROLES[host.role][1], host, directory, ports)
    lines += upstream_overrides(settings, directory, upstreams)
    lines += [
        "nginx['status']['listen_addresses'] = ['ADDRESS']", f"nginx['status']['port'] = {ports[8060]}",
        f"web_server['username'] = '{getpass.getuser()}'",
    ]
    return "\n".join(lines) + "\n"


def host_overrides(scope, host, directory, ports):
    yield f"{scope}['listen_addresses'] = ['ADDRESS']"
    yield f"{scope}['listen_port'] = {ports[host.port]}"
    yield f"{scope}['log_directory'] = '{directory}'"
    yield f"{scope}['redirect_http_to_https_port'] = {ports[host.settings['redirect_http_to_https_port']]}"
    if host.tls:
        yield f"{scope}['ssl_certificate'] = '{directory}/host.crt'"
        yield f"{scope}['ssl_certificate_key'] = '{directory}/host.key'"


def upstream_overrides(settings, directory, upstreams):
    mattermost, registry, pages, agent, kubernetes, workhorse = (free_port() for _ in range(6))
    upstreams.add("mattermost", mattermost)
    upstreams.add("registry", registry)
    upstreams.add("pages", pages)
    upstreams.add("agent", agent)
    upstreams.add("kubernetes", kubernetes)
    yield f"mattermost['service_port'] = '{mattermost}'"
    yield f"registry['registry_http_addr'] = '127.0.0.1:{registry}'"
    yield f"gitlab_pages['listen_proxy'] = 'localhost:{pages}'"
    yield f"gitlab_kas['listen_address'] = 'localhost:{agent}'"
    yield f"gitlab_kas['kubernetes_api_listen_address'] = 'localhost:{kubernetes}'"
    if settings.get("gitlab_workhorse", {}).get("listen_network") == "tcp":
        upstreams.add("workhorse", workhorse)
        yield f"gitlab_workhorse['listen_addr'] = '127.0.0.1:{workhorse}'"
    else:
        upstreams.add("workhorse", directory / "workhorse")
        yield f"gitlab_workhorse['listen_addr'] = '{directory}/workhorse'"


def start_nginx(directory):
    conf = directory / "nginx.conf"
    settings = gitlab_package.read(directory / "nginx.rb")
    conf.write_text(nginx_conf.write(settings, directory, directory / "public"))
    check = processes.run(["nginx", "-t", "-c", conf, "-p", directory], LIMIT)
    if check.returncode != 0:
        raise ToolError(f"nginx rejects its configuration:\n{check.stderr}")
    process = processes.start(["nginx", "-c", conf, "-p", directory])
    processes.wait_for(process, (directory / "nginx.pid").exists, "nginx writes its pid file")


def write_error_pages(public):
    """Writes the error pages of GitLab to the directory where nginx searches them."""
    public.mkdir(mode=0o755)
    for code in (404, 500, 502):
        for name in (f"{code}.html", f"{code}-custom.html"):
            (public / name).write_text(f"<h1>{code}</h1>\n")


class PortMap(dict):
    """Maps each port of the gitlab.rb to a free port above 1024."""

    def __missing__(self, port):
        self[port] = free_port()
        return self[port]


def free_port():
    return network.free_port(ADDRESSES.values())


ADDRESSES = {"gatepost": "127.0.0.1", "nginx": "127.0.0.2"}
NAMES = ["*.example.com", "*.corp.example.com", "*.pages.corp.example.com", "localhost"]

# Seconds.
LIMIT = 30
