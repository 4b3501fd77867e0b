#!/usr/bin/env python3
"""Pebble issues certificates to Gatepost: the first, the next, none, and one to certbot through Gatepost's files."""

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

import gatepost
import pebble


@dataclass(frozen=True)
class Proxy:
    """A running Gatepost: its process, its directory, and its log."""

    process: subprocess.Popen
    place: Path
    log: Path

    def said(self, what):
        return what in self.log.read_text()


class AcmeChecks(unittest.TestCase):
    def setUp(self):
        self.where = pebble.place()

    def test_the_first_certificate_is_obtained_over_http_and_goes_live(self):
        authority = pebble.start(self.where)
        proxy = self.serve()
        served = self.eventually_served(authority)
        self.assertEqual(names_in(served), {GITLAB, CHAT})
        self.assertIsNone(proxy.process.poll())
        for secret in [proxy.place / "host.key", *(proxy.place / "state").iterdir()]:
            self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600, secret)
        self.assertNotIn("PRIVATE", proxy.log.read_text())
        self.assertEqual([file.name for file in proxy.place.iterdir() if file.name.endswith(".new")], [])

    def test_the_first_certificate_is_obtained_in_a_handshake(self):
        authority = pebble.start(self.where)
        self.serve('challenge = "tls-alpn-01"\nkey = "rsa-2048"')
        self.assertEqual(names_in(self.eventually_served(authority)), {GITLAB, CHAT})

    def test_a_gitlab_rb_is_all_it_takes(self):
        authority = pebble.start(self.where)
        place, account = gatepost.directory(), pwd.getpwuid(os.getuid()).pw_name
        text = GITLAB_RB.format(https=self.where.https, http=self.where.http, place=place, account=account)
        (place / "gitlab.rb").write_text(text + f"letsencrypt['acme_production_endpoint'] = '{authority.directory}'\n")
        # Nothing in a gitlab.rb says who vouches for an authority: that is up to the system.
        os.environ["SSL_CERT_FILE"] = str(authority.ca)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        self.run_proxy(place, ["--gitlab-rb", place / "gitlab.rb"])
        self.assertEqual(names_in(self.eventually_served(authority)), {GITLAB, CHAT})
        self.assertTrue((place / "acme").is_dir())

    @unittest.skipUnless(os.geteuid() == 0, "only root can give itself up")
    def test_the_account_that_serves_stores_what_is_obtained(self):
        authority = pebble.start(self.where)
        place, nobody = gatepost.directory(), pwd.getpwnam("nobody")
        ca = shutil.copy(authority.ca, place / "ca.pem")
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
        proxy = self.serve(process='user = "nobody"', place=place, ca=ca)
        self.assertEqual(names_in(self.eventually_served(authority)), {GITLAB, CHAT})
        self.assertFalse(proxy.said("WARN"), "there is nothing to warn of")
        key = (place / "host.key").stat()
        self.assertEqual((key.st_uid, stat.S_IMODE(key.st_mode)), (nobody.pw_uid, 0o600))

    def test_a_stand_in_is_served_until_the_authority_can_be_reached(self):
        proxy = self.serve()
        gatepost.eventually(lambda: proxy.said("no certificate for"), "the failure in the log")
        self.assertTrue(proxy.said("see that this machine can reach it"))
        stand_in = self.serial()
        authority = pebble.start(self.where)
        proxy.process.send_signal(signal.SIGHUP)
        self.eventually_served(authority)
        self.assertNotEqual(self.serial(), stand_in)

    def test_a_failure_is_remembered_over_a_restart(self):
        proxy = self.serve()
        gatepost.eventually(lambda: proxy.said("no certificate for"), "the failure in the log")
        gatepost.eventually(lambda: list((proxy.place / "state").glob("*host.crt.failures")), "the note about it")
        gatepost.end(proxy.process)
        pebble.start(self.where)
        again = self.serve(place=proxy.place)
        stand_in = self.serial()
        # Ten connections, each after the last: long enough for an order, if there were one.
        self.assertEqual({self.serial() for _ in range(10)}, {stand_in})
        self.assertFalse(again.said("was obtained"))

    def test_a_certificate_is_renewed_before_it_ends_and_connections_stay(self):
        authority = pebble.start(self.where, validity=SHORT_LIFE)
        self.serve()
        self.eventually_served(authority)
        first = self.serial()
        with self.connected(authority) as kept:
            gatepost.eventually(lambda: self.serial() != first, "the second certificate")
            kept.sendall(f"GET / HTTP/1.1\r\nHost: {GITLAB}\r\n\r\n".encode())
            self.assertRegex(kept.recv(100), rb"^HTTP/1.1 502 ")
        self.assertEqual(names_in(self.eventually_served(authority)), {GITLAB, CHAT})

    def test_a_renewal_that_fails_leaves_the_certificate_in_use(self):
        authority = pebble.start(self.where, validity=SHORT_LIFE)
        proxy = self.serve()
        self.eventually_served(authority)
        first, files = self.serial(), self.pair(proxy)
        authority.stop()
        gatepost.eventually(lambda: proxy.said("no certificate for"), "the failure in the log")
        self.assertTrue(proxy.said("the one in use stays"))
        self.assertEqual((self.serial(), self.pair(proxy)), (first, files))

    def test_an_authority_that_nobody_vouches_for_is_told_nothing(self):
        pebble.start(self.where)
        other = pebble.place()
        proxy = self.serve(ca=other.ca)
        gatepost.eventually(lambda: proxy.said("no certificate for"), "the failure in the log")
        self.assertRegex(proxy.log.read_text(), "certificate")
        self.assertFalse(any((proxy.place / "state").glob("account-*")))

    def test_a_name_that_leads_elsewhere_is_told_with_what_the_authority_saw(self):
        pebble.start(self.where)
        proxy = self.serve(http=gatepost.free_ports(1)[0])
        gatepost.eventually(lambda: proxy.said("no certificate for"), "the failure in the log")
        self.assertRegex(proxy.log.read_text(), r"could not confirm a name: \w+\.example\.test: .*onnection refused")

    def test_certbot_obtains_through_the_files_that_are_served(self):
        # certbot sends a request again once only, and then ends with an error of its own.
        authority = pebble.start(self.where, refused_nonces=0)
        proxy = self.serve()
        self.eventually_served(authority)
        home = gatepost.directory()
        command = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--register-unsafely-without-email"]
        command += ["--server", authority.directory, "--webroot", "-w", proxy.place / "www", "-d", GITLAB]
        command += [f"--{kind}-dir={home / kind}" for kind in ["config", "work", "logs"]]
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(authority.ca)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue((home / "config/live" / GITLAB / "fullchain.pem").exists())

    def test_an_unknown_token_is_what_the_host_makes_of_it(self):
        pebble.start(self.where)
        proxy = self.serve()
        (proxy.place / "www/.well-known/acme-challenge").mkdir(parents=True)
        (proxy.place / "www/.well-known/acme-challenge/others").write_text("another client's")
        url = f"http://127.0.0.1:{self.where.http}/.well-known/acme-challenge/"
        with urllib.request.urlopen(urllib.request.Request(url + "others", headers={"Host": GITLAB})) as answer:
            self.assertEqual(answer.read(), b"another client's")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url + "unknown", headers={"Host": GITLAB}))
        self.assertEqual(refused.exception.code, 404)

    def serve(self, acme="", process="", place=None, ca=None, http=None):
        """Starts Gatepost on the ports where the authority looks."""
        place = place or gatepost.directory()
        (place / "www").mkdir(exist_ok=True)
        where = self.where
        ports = {"https": where.https, "http": http or where.http}
        authority = {"directory": where.directory, "ca": ca or where.ca}
        text = CONFIGURATION.format(process=process, acme=acme, **ports, **authority)
        (place / "gatepost.toml").write_text(text)
        return self.run_proxy(place, ["--config", place / "gatepost.toml"])

    def run_proxy(self, place, configuration):
        log = gatepost.directory() / "log"
        with log.open("wb") as file:
            process = gatepost.start([gatepost.PROGRAM, "serve", *configuration], stderr=file)
        self.addCleanup(lambda: print(log.read_text(), flush=True))
        self.addCleanup(gatepost.end, process)
        gatepost.wait_for(process, lambda: gatepost.accepts(self.where.https), "Gatepost to accept connections")
        return Proxy(process, place, log)

    def connected(self, authority=None):
        """A TLS connection; to a certificate of the authority, if there is one to trust."""
        context = ssl.create_default_context(cafile=authority and authority.roots)
        if not authority:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        tcp = socket.create_connection(("127.0.0.1", self.where.https), timeout=10)
        return context.wrap_socket(tcp, server_hostname=GITLAB)

    def serial(self):
        with self.connected() as tls:
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))

    def eventually_served(self, authority):
        served = []

        def is_trusted():
            try:
                with self.connected(authority) as tls:
                    served.append(tls.getpeercert())
            except ssl.SSLCertVerificationError:
                return False
            return True

        gatepost.eventually(is_trusted, "a certificate of the authority")
        return served[-1]

    @staticmethod
    def pair(proxy):
        return [(proxy.place / name).read_bytes() for name in ["host.crt", "host.key"]]


def names_in(certificate):
    return {name for kind, name in certificate["subjectAltName"] if kind == "DNS"}


GITLAB = "gitlab.example.test"
CHAT = "chat.example.test"

# Seconds. It is renewed when a third of it is left.
SHORT_LIFE = 24

CONFIGURATION = f"""\
[process]
workers = 2
shutdown_grace = "1s"
{{process}}

[acme]
contact = "ops@example.com"
directory = "{{directory}}"
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
  host['log_directory'] = '{{place}}'
end
nginx['ssl_certificate'] = '{{place}}/gitlab.crt'
nginx['ssl_certificate_key'] = '{{place}}/gitlab.key'
nginx['status']['enable'] = false
letsencrypt['contact_emails'] = ['ops@example.com']
registry['enable'] = false
"""

if __name__ == "__main__":
    unittest.main(verbosity=2)
