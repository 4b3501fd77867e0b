#!/usr/bin/env python3
"""curl talks to the demo: both versions of HTTP, the redirect, unknown hosts, an upgrade, events."""

import json
import subprocess
import unittest

import gatepost


class CurlChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = gatepost.demo()
        cls.gitlab = f"https://gitlab.localhost:{cls.demo.https}"
        cls.mattermost = f"https://mattermost.localhost:{cls.demo.https}"

    def test_http1_and_http2_reach_the_application(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                used = self.curl(option, "--write-out", "%{http_version}", "--output", "/dev/null", self.gitlab)
                self.assertEqual(used, version)

    def test_the_application_receives_path_query_and_forwarding_headers(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                answer = self.curl(option, "-H", "X-Forwarded-For: 192.0.2.1", f"{self.gitlab}/echo.json?a=%2F&b")
                received = json.loads(answer)
                headers = {field["name"]: field["value"] for field in received["headers"]}
                self.assertEqual(received["target"], "/echo.json?a=%2F&b")
                self.assertEqual(headers["host"], f"gitlab.localhost:{self.demo.https}")
                self.assertEqual(headers["x-forwarded-for"], "127.0.0.1")
                self.assertEqual(headers["x-forwarded-proto"], "https")

    def test_plain_http_is_redirected_with_path_and_query(self):
        address = f"http://gitlab.localhost:{self.demo.http}/a%2Fb?c=d&e"
        answer = self.curl("--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", address)
        self.assertEqual(answer, f"301 {self.gitlab}/a%2Fb?c=d&e")

    def test_an_unknown_host_is_misdirected(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                status = self.curl(
                    option, "-H", "Host: unknown.example", "--output", "/dev/null", "--write-out", "%{http_code}",
                    self.gitlab,
                )
                self.assertEqual(status, "421")

    def test_a_websocket_handshake_gets_its_101(self):
        answer = self.curl_for_a_while(
            "--http1.1", "--include",
            "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
            "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"{self.mattermost}/api/v4/websocket",
        )
        head = answer.partition("\n\n")[0]
        self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
        # The answer to this key is an example of RFC 6455 (section 1.3).
        self.assertRegex(head, "(?i:sec-websocket-accept): s3pPLMBiTxaQ9kYGzzhZRbK\\+xOo=")

    def test_events_arrive_while_the_answer_goes_on(self):
        for option, version in VERSIONS:
            with self.subTest(version):
                self.assertIn("data: 1\n", self.curl_for_a_while(option, "--no-buffer", f"{self.gitlab}/events"))

    def curl(self, *arguments):
        """An answer also means a good handshake, for curl checks the certificate."""
        done = self.run_curl("--max-time", "20", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def curl_for_a_while(self, *arguments):
        """What came of an answer that has no end, until curl gave up."""
        done = self.run_curl("--max-time", A_WHILE, *arguments)
        self.assertEqual(done.returncode, CURL_TIMEOUT, done.stderr)
        return done.stdout

    def run_curl(self, *arguments):
        return subprocess.run(
            ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", self.demo.authority, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, encoding="latin-1", timeout=30,
        )


VERSIONS = [("--http1.1", "1.1"), ("--http2", "2")]

# Seconds, in which a busy machine too has sent the beginning of an answer.
A_WHILE = "3"

# curl's exit code when its time is over.
CURL_TIMEOUT = 28


if __name__ == "__main__":
    unittest.main(verbosity=2)
