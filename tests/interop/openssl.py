#!/usr/bin/env python3
"""openssl s_client connects to Gatepost: versions, ALPN, SNI, key types, renegotiation, early data, closing."""

import re
import unittest

from harness import certificates, gatepost, judge, processes, s_client
from harness.s_client import CURRENT


class OpensslChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.proxy = gatepost.serve(*HOSTS)

    def test_current_versions_are_accepted(self):
        for option, version in CURRENT:
            with self.subTest(version):
                self.assertIn(f"New, {version}, Cipher is ", self.handshake(option))

    def test_obsolete_versions_are_rejected(self):
        for option in ["-tls1", "-tls1_1"]:
            with self.subTest(option):
                # The client sends nothing without the lower security level. Its ClientHello has no signature
                # algorithms, which versions before 1.2 do not know; the alert may therefore be the general one.
                output = self.failed_handshake(option, "-cipher", "DEFAULT@SECLEVEL=0")
                self.assertRegex(output, "alert (protocol version|handshake failure)")

    def test_http2_is_selected_if_the_client_offers_it(self):
        for offer, selected in [
            ("h2,http/1.1", "ALPN protocol: h2"),
            ("http/1.1,h2", "ALPN protocol: h2"),
            ("http/1.1", "ALPN protocol: http/1.1"),
        ]:
            with self.subTest(offer):
                self.assertIn(selected, self.handshake("-alpn", offer))
        self.assertIn("No ALPN negotiated", self.handshake())

    def test_an_offer_of_other_protocols_only_is_rejected(self):
        # RFC 7301 section 3.2.
        self.assertIn("alert no application protocol", self.failed_handshake("-alpn", "imap"))

    def test_each_server_name_selects_its_certificate(self):
        for host in HOSTS:
            with self.subTest(host.name):
                output = self.handshake("-verify_hostname", host.name, name=host.name)
                self.assertIn("Verification: OK", output)
                self.assertRegex(output, subject(host))
                self.assertRegex(output, f"Peer signature type: {SIGNATURES[host.algorithm]}\n")

    def test_no_server_name_selects_the_first_certificate(self):
        self.assertRegex(self.s_client("-noservername"), subject(HOSTS[0]))

    def test_renegotiation_is_rejected(self):
        session = s_client.press(self.proxy, "R", "-tls1_2", "-msg")
        self.assertIn("RENEGOTIATING", session.output)
        self.assertRegex(session.output, "<<< .*, warning no_renegotiation")

    def test_early_data_is_disabled(self):
        directory = processes.temporary_directory()
        ticket, early = directory / "ticket", directory / "early"
        early.write_text(s_client.REQUEST)
        first = s_client.exchange(self.proxy, "-tls1_3", "-sess_out", ticket)
        self.assertEqual(set(re.findall("Max Early Data: ([0-9]+)", first.output)), {"0"})
        resumed = s_client.exchange(self.proxy, "-tls1_3", "-sess_in", ticket, "-early_data", early)
        self.assertIn("Reused, TLSv1.3", resumed.output)
        self.assertIn("Early data was not sent", resumed.output)

    def test_connections_end_with_close_notify(self):
        for option, version in CURRENT:
            with self.subTest(version):
                session = s_client.exchange(self.proxy, option, "-msg")
                self.assertRegex(session.output, "<<< .*, warning close_notify")
                self.assertNotIn("unexpected eof", session.output)

    def test_tls_on_the_plain_port_fails_at_once(self):
        # The time limit of s_client is far above "at once".
        session = s_client.connect(self.proxy, port=self.proxy.http)
        self.assertEqual(session.code, 1, session.output)
        self.assertIn("New, (NONE), Cipher is (NONE)", session.output)

    def test_traditional_key_formats_are_accepted(self):
        config = gatepost.configuration(HOSTS)
        for host in HOSTS:
            key = config.file.parent / f"{host.certificate_stem}.key"
            key.write_text(traditional_format(key))
            self.assertIn(TRADITIONAL_FORMATS[host.algorithm], key.read_text())
        check = processes.run([gatepost.PROGRAM, "check", "--config", config.file], s_client.LIMIT)
        self.assertEqual(check.returncode, 0, check.stderr)

    def handshake(self, *options, name=s_client.NAME):
        """Returns the output of a successful handshake."""
        return self.s_client("-servername", name, "-verify_return_error", *options)

    def failed_handshake(self, *options):
        return self.s_client("-servername", s_client.NAME, *options, code=1)

    def s_client(self, *options, code=0):
        session = s_client.connect(self.proxy, *options)
        self.assertEqual(session.code, code, session.output)
        return session.output


def subject(host):
    """Since version 3.2, OpenSSL writes no spaces around the equals sign."""
    return rf"subject=CN ?= ?{re.escape(host.name)}\n"


def traditional_format(key):
    return processes.output(["openssl", "pkey", "-traditional", "-in", key], certificates.LIMIT)


# The upstreams do not exist, because no check sends a request to them.
HOSTS = [
    gatepost.Host(s_client.NAME, "unix:/nonexistent/socket", "ecdsa"),
    gatepost.Host("mattermost.example.com", "unix:/nonexistent/socket", "rsa"),
]

# Since version 3.5, OpenSSL names the signature scheme of RFC 8446.
SIGNATURES = {"ecdsa": "(ECDSA|ecdsa_secp256r1_sha256)", "rsa": "(RSA-PSS|rsa_pss_rsae_sha(256|384|512))"}
TRADITIONAL_FORMATS = {"ecdsa": "BEGIN EC PRIVATE KEY", "rsa": "BEGIN RSA PRIVATE KEY"}


if __name__ == "__main__":
    judge.main("openssl")
