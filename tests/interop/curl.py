#!/usr/bin/env python3
"""curl sends requests to the demo: HTTP/1.1 and HTTP/2, the redirect, unknown hosts, an upgrade, server-sent events."""

import json
import unittest

from harness import curl, gatepost, judge


class CurlChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = gatepost.demo()
        cls.gitlab = f"https://gitlab.localhost:{cls.demo.https}"
        cls.mattermost = f"https://mattermost.localhost:{cls.demo.https}"

    def test_http1_and_http2_reach_the_upstream(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                used = self.curl(option, "--write-out", "%{http_version}", "--output", "/dev/null", self.gitlab)
                self.assertEqual(used, version)

    def test_the_upstream_receives_path_query_and_forwarding_headers(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                response = self.curl(option, "-H", "X-Forwarded-For: 192.0.2.1", f"{self.gitlab}/echo.json?a=%2F&b")
                received = json.loads(response)
                headers = {field["name"]: field["value"] for field in received["headers"]}
                self.assertEqual(received["target"], "/echo.json?a=%2F&b")
                self.assertEqual(headers["host"], f"gitlab.localhost:{self.demo.https}")
                self.assertEqual(headers["x-forwarded-for"], "127.0.0.1")
                self.assertEqual(headers["x-forwarded-proto"], "https")

    def test_plain_http_is_redirected_with_path_and_query(self):
        address = f"http://gitlab.localhost:{self.demo.http}/a%2Fb?c=d&e"
        redirect = self.curl("--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", address)
        self.assertEqual(redirect, f"301 {self.gitlab}/a%2Fb?c=d&e")

    def test_an_unknown_host_is_misdirected(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                status = self.curl(
                    option, "-H", "Host: unknown.example", "--output", "/dev/null", "--write-out", "%{http_code}",
                    self.gitlab,
                )
                self.assertEqual(status, "421")

    def test_a_websocket_handshake_receives_101(self):
        response = self.curl_without_end(
            "--http1.1", "--include",
            "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
            "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"{self.mattermost}/api/v4/websocket",
        )
        head = response.partition("\n\n")[0]
        self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
        # Key and accept value are the example of RFC 6455 section 1.3.
        self.assertRegex(head, "(?i:sec-websocket-accept): s3pPLMBiTxaQ9kYGzzhZRbK\\+xOo=")

    def test_events_arrive_before_the_response_ends(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                self.assertIn("data: 1\n", self.curl_without_end(option, "--no-buffer", f"{self.gitlab}/events"))

    def curl(self, *arguments):
        """Returns the output of a successful request. curl verifies the certificate."""
        done = curl.run("--cacert", self.demo.ca, *arguments, limit=20)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def curl_without_end(self, *arguments):
        """Returns what arrived of a response without an end when curl timed out."""
        done = curl.run("--cacert", self.demo.ca, *arguments, limit=BEGINNING)
        self.assertEqual(done.returncode, curl.TIMED_OUT, done.stderr)
        return done.stdout


VERSIONS = [("--http1.1", "1.1"), ("--http2", "2")]

# Seconds, in which the beginning of a response arrives on a busy machine too.
BEGINNING = 3


if __name__ == "__main__":
    judge.main("curl")
