#!/usr/bin/env python3
"""Pebble issues certificates to Gatepost, renews them, and issues one to certbot through files that Gatepost serves."""

import os
import pwd
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import unittest
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from harness import gatepost, judge, network, pebble, processes


@dataclass(frozen=True)
class Proxy:
    """A running Gatepost: its process, the directory of its configuration, and its log."""

    process: subprocess.Popen
    directory: Path
    log: Path

    def logged(self, text):
        return text in self.log.read_text()

    def warnings(self):
        """Returns the warnings, except the one about a limit of this machine."""
        lines = [line for line in self.log.read_text().splitlines() if " WARN " in line]
        return [line for line in lines if MACHINE_WARNING not in line]


class AcmeChecks(unittest.TestCase):
    def setUp(self):
        self.ports = pebble.prepare()

    def test_first_certificate_is_issued_by_http_01_and_used(self):
        acme_server = pebble.start(self.ports)
        proxy = self.serve()
        served = self.wait_for_issued(acme_server)
        self.assertEqual(names_in(served), {GITLAB, CHAT})
        # Another test expects that this message is absent.
        processes.wait_until(lambda: proxy.logged(ISSUED), "Gatepost logs the issued certificate")
        self.assertIsNone(proxy.process.poll())
        for secret in [proxy.directory / "host.key", *(proxy.directory / "state").iterdir()]:
            self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600, secret)
        self.assertNotIn("PRIVATE", proxy.log.read_text())
        self.assertEqual([file.name for file in proxy.directory.iterdir() if file.name.endswith(".new")], [])

    def test_first_certificate_is_issued_by_tls_alpn_01(self):
        acme_server = pebble.start(self.ports)
        self.serve('challenge = "tls-alpn-01"\nkey = "rsa-2048"')
        self.assertEqual(names_in(self.wait_for_issued(acme_server)), {GITLAB, CHAT})

    def test_a_gitlab_rb_is_sufficient(self):
        acme_server = pebble.start(self.ports)
        directory, account = processes.temporary_directory(), pwd.getpwuid(os.getuid()).pw_name
        text = GITLAB_RB.format(
            https=self.ports.https, http=self.ports.http, directory=directory, account=account,
            url=acme_server.directory,
        )
        (directory / "gitlab.rb").write_text(text)
        # No setting of a gitlab.rb names the trust anchors of an ACME server: those of the system apply.
        os.environ["SSL_CERT_FILE"] = str(acme_server.ca)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        self.start(directory, ["--gitlab-rb", directory / "gitlab.rb"])
        self.assertEqual(names_in(self.wait_for_issued(acme_server)), {GITLAB, CHAT})
        self.assertTrue((directory / "acme").is_dir())

    @unittest.skipUnless(os.geteuid() == 0, "only root can change to another account")
    def test_issued_files_belong_to_the_unprivileged_account(self):
        acme_server = pebble.start(self.ports)
        directory, account = processes.temporary_directory(), pwd.getpwnam("nobody")
        ca = shutil.copy(acme_server.ca, directory / "ca.pem")
        os.chown(directory, account.pw_uid, account.pw_gid)
        proxy = self.serve(process='user = "nobody"', directory=directory, ca=ca)
        self.assertEqual(names_in(self.wait_for_issued(acme_server)), {GITLAB, CHAT})
        self.assertEqual(proxy.warnings(), [])
        key = (directory / "host.key").stat()
        self.assertEqual((key.st_uid, stat.S_IMODE(key.st_mode)), (account.pw_uid, 0o600))

    def test_a_placeholder_is_served_until_the_acme_server_is_reachable(self):
        proxy = self.serve()
        self.wait_for_failure(proxy)
        self.assertTrue(proxy.logged(UNREACHABLE_ADVICE))
        placeholder = self.served_certificate()
        acme_server = pebble.start(self.ports)
        proxy.process.send_signal(signal.SIGHUP)
        self.wait_for_issued(acme_server)
        self.assertNotEqual(self.served_certificate(), placeholder)

    def test_a_restart_keeps_the_delay_after_a_failure(self):
        proxy = self.serve()
        self.wait_for_failure(proxy)
        is_stored = lambda: list((proxy.directory / "state").glob("*host.crt.failures"))
        processes.wait_until(is_stored, "the failure is stored")
        processes.stop(proxy.process)
        pebble.start(self.ports)
        restarted = self.serve(directory=proxy.directory)
        placeholder = self.served_certificate()
        # Ten connections, one after the other, take longer than an order.
        self.assertEqual({self.served_certificate() for _ in range(10)}, {placeholder})
        self.assertFalse(restarted.logged(ISSUED))

    def test_renewal_before_expiry_keeps_connections(self):
        acme_server = pebble.start(self.ports, validity=SHORT_LIFETIME)
        self.serve()
        self.wait_for_issued(acme_server)
        first = self.served_certificate()
        with self.connect(acme_server) as connection:
            processes.wait_until(lambda: self.served_certificate() != first, "the second certificate is served")
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {GITLAB}\r\n\r\n".encode())
            self.assertRegex(connection.recv(100), rb"^HTTP/1.1 502 ")
        self.assertEqual(names_in(self.wait_for_issued(acme_server)), {GITLAB, CHAT})

    def test_a_failed_renewal_keeps_the_certificate(self):
        acme_server = pebble.start(self.ports, validity=SHORT_LIFETIME)
        proxy = self.serve()
        self.wait_for_issued(acme_server)
        certificate, files = self.served_certificate(), self.files(proxy)
        acme_server.stop()
        self.wait_for_failure(proxy)
        self.assertTrue(proxy.logged(STAYS_IN_USE))
        self.assertEqual((self.served_certificate(), self.files(proxy)), (certificate, files))

    def test_an_untrusted_acme_server_receives_no_account(self):
        pebble.start(self.ports)
        other = pebble.prepare()
        proxy = self.serve(ca=other.ca)
        self.wait_for_failure(proxy)
        self.assertRegex(proxy.log.read_text(), "certificate")
        self.assertFalse(any((proxy.directory / "state").glob("account-*")))

    def test_a_validation_error_is_logged_with_its_reason(self):
        pebble.start(self.ports)
        proxy = self.serve(http=network.free_port())
        self.wait_for_failure(proxy)
        self.assertRegex(proxy.log.read_text(), VALIDATION_ERROR)

    def test_certbot_obtains_a_certificate_by_webroot(self):
        # certbot repeats a request once, and then fails.
        acme_server = pebble.start(self.ports, rejected_nonces=0)
        proxy = self.serve()
        self.wait_for_issued(acme_server)
        home = processes.temporary_directory()
        command = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--register-unsafely-without-email"]
        command += ["--server", acme_server.directory, "--webroot", "-w", proxy.directory / "www", "-d", GITLAB]
        command += [f"--{kind}-dir={home / kind}" for kind in ["config", "work", "logs"]]
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(acme_server.ca)}
        done = processes.run(command, CERTBOT_LIMIT, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue((home / "config/live" / GITLAB / "fullchain.pem").exists())

    def test_an_unknown_token_is_left_to_the_host(self):
        pebble.start(self.ports)
        proxy = self.serve()
        (proxy.directory / "www/.well-known/acme-challenge").mkdir(parents=True)
        (proxy.directory / "www/.well-known/acme-challenge/others").write_text("another client's")
        url = f"http://127.0.0.1:{self.ports.http}/.well-known/acme-challenge/"
        with urllib.request.urlopen(urllib.request.Request(url + "others", headers={"Host": GITLAB})) as response:
            self.assertEqual(response.read(), b"another client's")
        with self.assertRaises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(urllib.request.Request(url + "unknown", headers={"Host": GITLAB}))
        self.assertEqual(error.exception.code, 404)

    def serve(self, acme="", process="", directory=None, ca=None, http=None):
        """Starts Gatepost on the ports that the ACME server validates."""
        directory = directory or processes.temporary_directory()
        (directory / "www").mkdir(exist_ok=True)
        text = CONFIGURATION.format(
            process=process, acme=acme, url=self.ports.directory, ca=ca or self.ports.ca,
            https=self.ports.https, http=http or self.ports.http,
        )
        (directory / "gatepost.toml").write_text(text)
        return self.start(directory, ["--config", directory / "gatepost.toml"])

    def start(self, directory, arguments):
        log = processes.temporary_directory() / "log"
        with log.open("wb") as file:
            process = gatepost.start(arguments, self.ports.https, stderr=file)
        self.addCleanup(lambda: print(log.read_text(), flush=True))
        self.addCleanup(processes.stop, process)
        return Proxy(process, directory, log)

    def connect(self, acme_server=None):
        """Opens a TLS connection, and verifies the certificate if `acme_server` is given."""
        context = ssl.create_default_context(cafile=acme_server and acme_server.roots)
        if not acme_server:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        tcp = socket.create_connection((network.LOOPBACK, self.ports.https), timeout=10)
        return context.wrap_socket(tcp, server_hostname=GITLAB)

    def served_certificate(self):
        with self.connect() as tls:
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))

    def wait_for_issued(self, acme_server):
        """Waits until Gatepost serves a certificate of the ACME server, and returns it."""
        served = []

        def is_trusted():
            try:
                with self.connect(acme_server) as tls:
                    served.append(tls.getpeercert())
            except ssl.SSLCertVerificationError:
                return False
            return True

        processes.wait_until(is_trusted, "Gatepost serves a certificate of the ACME server")
        return served[-1]

    @staticmethod
    def wait_for_failure(proxy):
        processes.wait_until(lambda: proxy.logged(FAILED), "Gatepost logs the failed order")

    @staticmethod
    def files(proxy):
        return [(proxy.directory / name).read_bytes() for name in ["host.crt", "host.key"]]


def names_in(certificate):
    return {name for kind, name in certificate["subjectAltName"] if kind == "DNS"}


GITLAB = "gitlab.example.test"
CHAT = "chat.example.test"

# Messages of Gatepost.
FAILED = "ACME order for"
ISSUED = "obtained by ACME"
STAYS_IN_USE = "The current certificate stays in use"
UNREACHABLE_ADVICE = "check that this machine can reach the server"
VALIDATION_ERROR = r"cannot validate a name: \w+\.example\.test: .*onnection refused"
MACHINE_WARNING = "limit on open descriptors"

# Seconds. Gatepost renews when a third of the lifetime is left.
SHORT_LIFETIME = 24

# Seconds.
CERTBOT_LIMIT = 120

CONFIGURATION = f"""\
[process]
workers = 2
shutdown_timeout = "1s"
{{process}}

[acme]
contact = "ops@example.com"
directory = "{{url}}"
ca = "{{ca}}"
state_directory = "state"
{{acme}}

[defaults]
acme = true
listen = ["127.0.0.1:{{https}}"]
redirect_from = ["127.0.0.1:{{http}}"]
access_log = "off"

[[host]]
name = "{GITLAB}"
upstream = "127.0.0.1:1"
certificate = "host.crt"
certificate_key = "host.key"
acme_challenge_directory = "www"

[[host]]
name = "{CHAT}"
upstream = "127.0.0.1:1"
certificate = "host.crt"
certificate_key = "host.key"
"""

GITLAB_RB = f"""\
external_url 'https://{GITLAB}:{{https}}'
mattermost_external_url 'https://{CHAT}:{{https}}'
web_server['username'] = '{{account}}'
gitlab_workhorse['listen_network'] = 'tcp'
gitlab_workhorse['listen_addr'] = '127.0.0.1:1'
[nginx, mattermost_nginx].each do |host|
  host['listen_addresses'] = ['127.0.0.1']
  host['redirect_http_to_https_port'] = {{http}}
  host['log_directory'] = '{{directory}}'
end
nginx['ssl_certificate'] = '{{directory}}/gitlab.crt'
nginx['ssl_certificate_key'] = '{{directory}}/gitlab.key'
nginx['status']['enable'] = false
letsencrypt['contact_emails'] = ['ops@example.com']
letsencrypt['acme_production_endpoint'] = '{{url}}'
registry['enable'] = false
"""

if __name__ == "__main__":
    judge.main("openssl", "pebble", "pebble-challtestsrv", "certbot")
