#!/usr/bin/env python3
"""openssl s_client shakes hands with Gatepost: versions, protocols, names, resumption, kinds of keys."""

import subprocess
import unittest

import gatepost


class OpensslChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = gatepost.directory()
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

    def test_sessions_are_resumed_by_every_worker(self):
        for option, version in CURRENT:
            with self.subTest(version):
                ticket = self.place / version
                self.assertIn("New, ", self.exchange(option, "-sess_out", ticket))
                for _ in range(RESUMPTIONS):
                    self.assertIn(f"Reused, {version}, ", self.exchange(option, "-sess_in", ticket))

    def test_keys_in_the_older_formats_are_read(self):
        config = gatepost.configuration(HOSTS)
        for host in HOSTS:
            key = config.file.parent / f"{host.certificate_stem}.key"
            key.write_text(older_format(key))
            self.assertIn(OLDER_FORMATS[host.algorithm], key.read_text())
        checked = subprocess.run(
            [gatepost.PROGRAM, "check", "--config", config.file], capture_output=True, text=True, timeout=LIMIT
        )
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def handshake(self, *options, name="gitlab.example.com"):
        """A handshake and nothing more. Returns what the client says about it."""
        return self.s_client("-servername", name, "-verify_return_error", *options)

    def anonymous_handshake(self):
        return self.s_client("-noservername")

    def exchange(self, *options):
        """A request and its answer too, because TLS 1.3 sends tickets after the handshake."""
        return self.s_client("-servername", "gitlab.example.com", "-ign_eof", *options, says=REQUEST)

    def refusal(self, *options):
        return self.s_client("-servername", "gitlab.example.com", *options, ends_with=1)

    def s_client(self, *options, ends_with=0, says=""):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.proxy.https}", "-CAfile", self.proxy.authority,
             *options],
            input=says, capture_output=True, encoding="latin-1", timeout=LIMIT,
        )
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, ends_with, said)
        return said


def older_format(key):
    command = ["openssl", "pkey", "-traditional", "-in", key]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT).stdout


# Nobody listens at these applications: this is about what happens before a request.
HOSTS = [
    gatepost.Host("gitlab.example.com", "unix:/nonexistent/socket", "ecdsa"),
    gatepost.Host("mattermost.example.com", "unix:/nonexistent/socket", "rsa"),
]

SIGNATURES = {"ecdsa": "ECDSA", "rsa": "RSA-PSS"}
OLDER_FORMATS = {"ecdsa": "BEGIN EC PRIVATE KEY", "rsa": "BEGIN RSA PRIVATE KEY"}

CURRENT = [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]

# Any of the workers may get a connection; with two of them, so many all reach one once in 512 times.
RESUMPTIONS = 10

# For a host that nobody has, so that Gatepost answers by itself.
REQUEST = "GET / HTTP/1.1\r\nHost: unknown.example\r\nConnection: close\r\n\r\n"

LIMIT = 20


if __name__ == "__main__":
    unittest.main(verbosity=2)
