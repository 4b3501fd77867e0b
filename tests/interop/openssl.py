#!/usr/bin/env python3
"""openssl s_client shakes hands with Gatepost: versions, protocols, names, kinds of keys, and how it all ends."""

import re
import subprocess
import unittest

import gatepost
import s_client
from s_client import CURRENT


class OpensslChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.proxy = gatepost.serve(*HOSTS)

    def test_current_versions_are_accepted(self):
        for option, version in CURRENT:
            with self.subTest(version):
                self.assertIn(f"New, {version}, Cipher is ", self.handshake(option))

    def test_broken_versions_are_refused(self):
        for option in ["-tls1", "-tls1_1"]:
            with self.subTest(option):
                # Without the lowered security level the client would not even try. Its hello has no signature
                # algorithms, which versions before 1.2 did not know; so the alert is the general one.
                refusal = self.refusal(option, "-cipher", "DEFAULT@SECLEVEL=0")
                self.assertRegex(refusal, "alert (protocol version|handshake failure)")

    def test_http2_is_chosen_where_the_client_offers_it(self):
        for offer, answer in [
            ("h2,http/1.1", "ALPN protocol: h2"),
            ("http/1.1,h2", "ALPN protocol: h2"),
            ("http/1.1", "ALPN protocol: http/1.1"),
        ]:
            with self.subTest(offer):
                self.assertIn(answer, self.handshake("-alpn", offer))
        self.assertIn("No ALPN negotiated", self.handshake())

    def test_a_client_that_offers_only_other_protocols_is_refused(self):
        # RFC 7301 section 3.2.
        self.assertIn("alert no application protocol", self.refusal("-alpn", "imap"))

    def test_each_name_gets_its_own_certificate(self):
        for host in HOSTS:
            with self.subTest(host.name):
                session = self.handshake("-verify_hostname", host.name, name=host.name)
                self.assertIn("Verification: OK", session)
                self.assertIn(f"subject=CN = {host.name}\n", session)
                self.assertIn(f"Peer signature type: {SIGNATURES[host.algorithm]}\n", session)

    def test_a_client_that_names_no_host_gets_the_first_certificate(self):
        self.assertIn(f"subject=CN = {HOSTS[0].name}\n", self.anonymous_handshake())

    def test_nothing_is_renegotiated(self):
        session = s_client.press(self.proxy, "R", "-tls1_2", "-msg")
        self.assertIn("RENEGOTIATING", session.said)
        self.assertRegex(session.said, "<<< .*, warning no_renegotiation")

    def test_early_data_is_never_allowed(self):
        ticket, early = gatepost.directory() / "ticket", gatepost.directory() / "early"
        early.write_text(s_client.REQUEST)
        given = s_client.exchange(self.proxy, "-tls1_3", "-sess_out", ticket)
        self.assertEqual(set(re.findall("Max Early Data: ([0-9]+)", given.said)), {"0"})
        returned = s_client.exchange(self.proxy, "-tls1_3", "-sess_in", ticket, "-early_data", early)
        self.assertIn("Reused, TLSv1.3", returned.said)
        self.assertIn("Early data was not sent", returned.said)

    def test_the_end_of_a_connection_is_said(self):
        for option, version in CURRENT:
            with self.subTest(version):
                session = s_client.exchange(self.proxy, option, "-msg")
                self.assertRegex(session.said, "<<< .*, warning close_notify")
                self.assertNotIn("unexpected eof", session.said)

    def test_tls_on_the_plain_port_ends_at_once(self):
        # In much less time than s_client has here.
        session = s_client.connect(self.proxy, port=self.proxy.http)
        self.assertEqual(session.code, 1, session.said)
        self.assertIn("New, (NONE), Cipher is (NONE)", session.said)

    def test_keys_in_the_older_formats_are_read(self):
        config = gatepost.configuration(HOSTS)
        for host in HOSTS:
            key = config.file.parent / f"{host.certificate_stem}.key"
            key.write_text(older_format(key))
            self.assertIn(OLDER_FORMATS[host.algorithm], key.read_text())
        checked = subprocess.run(
            [gatepost.PROGRAM, "check", "--config", config.file], capture_output=True, text=True,
            timeout=s_client.LIMIT,
        )
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def handshake(self, *options, name=s_client.NAME):
        """A handshake and nothing more. Returns what the client says about it."""
        return self.s_client("-servername", name, "-verify_return_error", *options)

    def anonymous_handshake(self):
        return self.s_client("-noservername")

    def refusal(self, *options):
        return self.s_client("-servername", s_client.NAME, *options, ends_with=1)

    def s_client(self, *options, ends_with=0):
        session = s_client.connect(self.proxy, *options)
        self.assertEqual(session.code, ends_with, session.said)
        return session.said


def older_format(key):
    command = ["openssl", "pkey", "-traditional", "-in", key]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=s_client.LIMIT).stdout


# Nobody listens at these applications: this is about what happens before a request.
HOSTS = [
    gatepost.Host(s_client.NAME, "unix:/nonexistent/socket", "ecdsa"),
    gatepost.Host("mattermost.example.com", "unix:/nonexistent/socket", "rsa"),
]

SIGNATURES = {"ecdsa": "ECDSA", "rsa": "RSA-PSS"}
OLDER_FORMATS = {"ecdsa": "BEGIN EC PRIVATE KEY", "rsa": "BEGIN RSA PRIVATE KEY"}


if __name__ == "__main__":
    unittest.main(verbosity=2)
