#!/usr/bin/env python3
"""openssl and curl come back to Gatepost: at least 95 of 100 resume their session, whatever happened meanwhile."""

import os
import re
import secrets
import signal
import subprocess
import unittest

import gatepost
import s_client


class Resumption(unittest.TestCase):
    def setUp(self):
        self.place = gatepost.directory()
        self.keys = self.place / "ticket.keys"
        self.keys.write_bytes(secrets.token_bytes(KEY))

    def test_clients_resume_at_the_same_process(self):
        self.assert_resumed(gatepost.serve(HOST))

    def test_clients_resume_after_certificates_were_renewed(self):
        # With keys of the process's own, for it must keep them.
        config = gatepost.configuration([HOST])
        proxy = gatepost.run(config)

        def renew():
            before = leaf(proxy)
            gatepost.certificates(config.file.parent, [HOST])
            os.kill(proxy.pid, signal.SIGHUP)
            gatepost.eventually(lambda: leaf(proxy) != before, "the new certificate to be in use")

        self.assert_resumed(proxy, meanwhile=renew)

    def test_clients_resume_after_a_restart(self):
        config = self.on_keys()
        proxy = gatepost.run(config)

        def restart():
            gatepost.end(proxy.process)
            gatepost.run(config)

        self.assert_resumed(proxy, meanwhile=restart)

    def test_clients_resume_at_another_process_with_the_same_keys(self):
        first, second = gatepost.run(self.on_keys()), gatepost.run(self.on_keys())
        self.assert_resumed(first, at=second)

    def test_nobody_resumes_at_a_process_with_other_keys(self):
        # Only this shows that the others could have failed.
        first, second = gatepost.run(self.on_keys()), gatepost.serve(HOST)
        for option, version in s_client.CURRENT:
            with self.subTest(version):
                resumed = sum(resumes(second, option, ticket) for ticket in self.tickets(first, option))
                self.assertEqual(resumed, 0)

    def test_curl_resumes(self):
        for option in ["--tls-max 1.2", "--tlsv1.3"]:
            with self.subTest(option):
                proxy = gatepost.serve(HOST)
                version = curl(proxy, *option.split())
                logged = lambda: proxy.access_log.read_text().splitlines()
                gatepost.eventually(lambda: len(logged()) == CLIENTS, "the lines of all requests")
                # The first connection of a curl has nothing to resume.
                self.assertEqual(set(logged()), {f"{version} .", f"{version} r"})
                self.assert_share(logged().count(f"{version} r"), CLIENTS - 1)

    def on_keys(self):
        """A configuration with the keys that are shared."""
        return gatepost.configuration([HOST], f'ticket_keys = "{self.keys}"')

    def assert_resumed(self, proxy, meanwhile=lambda: None, at=None):
        """Clients come to `proxy`, something happens `meanwhile`, and they return, perhaps `at` another one."""
        tickets = {option: self.tickets(proxy, option) for option, _ in s_client.CURRENT}
        meanwhile()
        for option, version in s_client.CURRENT:
            with self.subTest(version):
                resumed = sum(resumes(at or proxy, option, ticket) for ticket in tickets[option])
                self.assert_share(resumed, CLIENTS)

    def assert_share(self, resumed, returned):
        print(f"{resumed} of {returned} resumed")
        self.assertGreaterEqual(resumed, 0.95 * returned)

    def tickets(self, proxy, option):
        """A file for each client, with what it remembers."""
        tickets = [self.place / f"ticket{option}-{number}" for number in range(CLIENTS)]
        for ticket in tickets:
            self.assertIn("New, ", s_client.exchange(proxy, option, "-sess_out", ticket).said)
        return tickets


def resumes(proxy, option, ticket):
    return "Reused, " in s_client.exchange(proxy, option, "-sess_in", ticket).said


def leaf(proxy):
    """The certificate that is shown now."""
    said = s_client.connect(proxy, "-servername", s_client.NAME).said
    return re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.DOTALL).group()


def curl(proxy, *options):
    """A connection for each request, all of one curl, which remembers sessions. Returns the version it used."""
    address = f"https://{s_client.NAME}:{proxy.https}/"
    subprocess.run(
        ["curl", "--silent", "--show-error", "--noproxy", "*", "--http1.1", "--header", "Connection: close",
         "--cacert", proxy.authority, "--resolve", f"{s_client.NAME}:{proxy.https}:127.0.0.1", "--max-time", "20",
         *options, *[address] * CLIENTS],
        check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
    )
    return "TLSv1.2" if "1.2" in options else "TLSv1.3"


# Nobody listens at this application; that no request succeeds is no matter here.
HOST = gatepost.Host(
    s_client.NAME, "unix:/nonexistent/socket", lines='access_log_format = "$ssl_protocol $ssl_session_reused"'
)

CLIENTS = 20

# Bytes of a key of tickets.
KEY = 80


if __name__ == "__main__":
    unittest.main(verbosity=2)
