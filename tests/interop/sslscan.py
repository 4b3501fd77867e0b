#!/usr/bin/env python3
"""sslscan lists what Gatepost offers: versions, cipher suites, groups, renegotiation, heartbeats, the certificate."""

import unittest
import xml.etree.ElementTree as ElementTree

from harness import judge, processes, tls_targets


class SslscanChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scans = [(target, scan(target)) for target in tls_targets.start_all()]

    def test_tls_1_2_and_1_3_are_offered_and_nothing_older(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                enabled = [it.attrib for it in found.findall("protocol") if it.get("enabled") == "1"]
                self.assertEqual([(it["type"], it["version"]) for it in enabled], [("tls", "1.2"), ("tls", "1.3")])
                self.assertEqual(len(found.findall("protocol")), 6)

    def test_the_configured_suites_are_offered(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                for version, expected in target.suites.items():
                    offered = [it.get("cipher") for it in found.findall("cipher") if it.get("sslversion") == version]
                    self.assertEqual(sorted(offered), sorted(expected))
                self.assertEqual({it.get("sslversion") for it in found.findall("cipher")}, set(target.suites))

    def test_no_suite_is_weak(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                strengths = {it.get("strength") for it in found.findall("cipher")}
                self.assertLessEqual(strengths, {"strong", "acceptable"})

    def test_a_server_with_an_order_of_suites_applies_it(self):
        target, found = self.scans[-1]
        for version, expected in target.suites.items():
            preferred = found.find(f"cipher[@status='preferred'][@sslversion='{version}']")
            self.assertEqual(preferred.get("cipher"), expected[0])

    def test_the_groups_are_the_strong_ones(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                self.assertEqual({int(it.get("id"), 16) for it in found.findall("group")}, set(GROUPS))

    def test_renegotiation_compression_and_heartbeats_are_disabled(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                self.assertEqual(found.find("renegotiation").get("supported"), "0")
                self.assertEqual({it.get("vulnerable") for it in found.findall("heartbleed")}, {"0"})
                self.assertIsNone(found.find("compression[@supported='1']"))

    def test_the_certificate_is_that_of_the_host(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                certificate = found.find("certificates/certificate")
                self.assertEqual(certificate.findtext("altnames"), f"DNS:{tls_targets.NAME}")
                self.assertEqual(certificate.findtext("expired"), "false")
                self.assertEqual(certificate.find("pk").get("error"), "false")


def scan(target):
    """Returns the `ssltest` element of the report.

    sslscan exits with 0 also when it cannot connect, and reports an `error` element in place of the result.
    """
    result = processes.temporary_directory() / "found.xml"
    command = [
        "sslscan", "--no-colour", f"--sni-name={tls_targets.NAME}", f"--xml={result}", f"127.0.0.1:{target.port}",
    ]
    try:
        processes.output(command, LIMIT)
        report = ElementTree.parse(result)
    except (processes.TimeLimitExceeded, OSError, ElementTree.ParseError) as error:
        raise judge.ToolError(f"sslscan could not scan {target.about}: {error}") from None
    if (found := report.find("ssltest")) is None:
        raise judge.ToolError(f"sslscan could not scan {target.about}: {report.findtext('error')}")
    return found


# Code points of RFC 8446 section 4.2.7: P-256, P-384 and X25519. sslscan does not know X25519MLKEM768.
GROUPS = [0x17, 0x18, 0x1D]

# Seconds. sslscan waits for messages that do not arrive, and takes ten of them.
LIMIT = 90


if __name__ == "__main__":
    judge.main("openssl", "sslscan")
