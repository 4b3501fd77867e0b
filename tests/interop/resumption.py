#!/usr/bin/env python3
"""openssl and curl return to Gatepost: at least 95 % of the clients resume their TLS session."""

import os
import re
import secrets
import signal
import unittest

from harness import certificates, curl, gatepost, judge, processes, s_client


class Resumption(unittest.TestCase):
    def setUp(self):
        self.directory = processes.temporary_directory()
        self.keys = self.directory / "ticket.keys"
        self.keys.write_bytes(secrets.token_bytes(KEY_SIZE))

    def test_clients_resume_at_the_same_process(self):
        self.assert_resumed(gatepost.serve(HOST))

    def test_clients_resume_after_a_certificate_reload(self):
        # Without `ticket_keys`: the process must keep the keys that it generated.
        config = gatepost.configuration([HOST])
        proxy = gatepost.serve_configuration(config)

        def reload():
            before = served_certificate(proxy)
            certificates.generate(config.file.parent, HOST.name)
            os.kill(proxy.pid, signal.SIGHUP)
            processes.wait_until(lambda: served_certificate(proxy) != before, "the new certificate is served")

        self.assert_resumed(proxy, meanwhile=reload)

    def test_clients_resume_after_a_restart(self):
        config = self.configuration_with_keys()
        proxy = gatepost.serve_configuration(config)

        def restart():
            proxy.stop()
            gatepost.serve_configuration(config)

        self.assert_resumed(proxy, meanwhile=restart)

    def test_clients_resume_at_another_process_with_the_same_keys(self):
        first, second = (gatepost.serve_configuration(self.configuration_with_keys()) for _ in range(2))
        self.assert_resumed(first, at=second)

    def test_no_client_resumes_at_a_process_with_other_keys(self):
        # This shows that the other tests can fail.
        first, second = gatepost.serve_configuration(self.configuration_with_keys()), gatepost.serve(HOST)
        for option, version in s_client.CURRENT:
            with self.subTest(version):
                resumed = sum(resumes(second, option, ticket) for ticket in self.tickets(first, option))
                self.assertEqual(resumed, 0)

    def test_curl_resumes(self):
        for option, version in [("--tls-max 1.2", "TLSv1.2"), ("--tlsv1.3", "TLSv1.3")]:
            with self.subTest(version):
                proxy = gatepost.serve(HOST)
                self.send_requests(proxy, *option.split())
                logged = lambda: proxy.access_log.read_text().splitlines()
                processes.wait_until(lambda: len(logged()) == CLIENTS, "all requests are logged")
                # The first connection of a curl process has no session to resume.
                self.assertEqual(set(logged()), {f"{version} .", f"{version} r"})
                self.assert_share(logged().count(f"{version} r"), CLIENTS - 1)

    def send_requests(self, proxy, *options):
        """Sends each request on a new connection, all in one curl process, which keeps sessions."""
        address = f"https://{s_client.NAME}:{proxy.https}/"
        done = curl.run(
            "--http1.1", "--header", "Connection: close", *curl.to(s_client.NAME, proxy), *options,
            *[address] * CLIENTS, limit=20,
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def configuration_with_keys(self):
        return gatepost.configuration([HOST], f'ticket_keys = "{self.keys}"')

    def assert_resumed(self, proxy, meanwhile=lambda: None, at=None):
        """Clients connect to `proxy`, then `meanwhile` runs, then they return to the same proxy or to `at`."""
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
        """Returns one session file for each client."""
        tickets = [self.directory / f"ticket{option}-{number}" for number in range(CLIENTS)]
        for ticket in tickets:
            self.assertIn("New, ", s_client.exchange(proxy, option, "-sess_out", ticket).output)
        return tickets


def resumes(proxy, option, ticket):
    return "Reused, " in s_client.exchange(proxy, option, "-sess_in", ticket).output


def served_certificate(proxy):
    output = s_client.connect(proxy, "-servername", s_client.NAME).output
    return re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", output, re.DOTALL).group()


# The upstream does not exist, because the status of the responses does not matter.
HOST = gatepost.Host(
    s_client.NAME, "unix:/nonexistent/socket", lines='access_log_format = "$ssl_protocol $ssl_session_reused"'
)

CLIENTS = 20

# Bytes of a session ticket key.
KEY_SIZE = 80


if __name__ == "__main__":
    judge.main("openssl", "curl")
