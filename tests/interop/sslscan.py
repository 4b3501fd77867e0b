#!/usr/bin/env python3
"""sslscan looks at what Gatepost offers: versions, suites, groups, renegotiation, heartbeats, the certificate."""

import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

import gatepost
import scanned


class SslscanChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scans = [(terms, scan(terms)) for terms in scanned.all_terms()]

    def test_tls_1_2_and_1_3_are_offered_and_nothing_older(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                enabled = [it.attrib for it in found.findall("protocol") if it.get("enabled") == "1"]
                self.assertEqual([(it["type"], it["version"]) for it in enabled], [("tls", "1.2"), ("tls", "1.3")])
                self.assertEqual(len(found.findall("protocol")), 6)

    def test_the_suites_are_those_that_are_configured(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                for version, expected in terms.suites.items():
                    offered = [it.get("cipher") for it in found.findall("cipher") if it.get("sslversion") == version]
                    self.assertEqual(sorted(offered), sorted(expected))
                self.assertEqual({it.get("sslversion") for it in found.findall("cipher")}, set(terms.suites))

    def test_no_suite_is_called_weak(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                strengths = {it.get("strength") for it in found.findall("cipher")}
                self.assertLessEqual(strengths, {"strong", "acceptable"})

    def test_a_server_that_has_an_order_keeps_it(self):
        terms, found = self.scans[-1]
        for version, expected in terms.suites.items():
            preferred = found.find(f"cipher[@status='preferred'][@sslversion='{version}']")
            self.assertEqual(preferred.get("cipher"), expected[0])

    def test_the_groups_are_the_strong_ones(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                self.assertEqual({int(it.get("id"), 16) for it in found.findall("group")}, set(GROUPS))

    def test_nothing_is_renegotiated_compressed_or_said_in_heartbeats(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                self.assertEqual(found.find("renegotiation").get("supported"), "0")
                self.assertEqual({it.get("vulnerable") for it in found.findall("heartbleed")}, {"0"})
                self.assertIsNone(found.find("compression[@supported='1']"))

    def test_the_certificate_is_the_hosts(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                certificate = found.find("certificates/certificate")
                self.assertEqual(certificate.findtext("altnames"), f"DNS:{scanned.NAME}")
                self.assertEqual(certificate.findtext("expired"), "false")
                self.assertEqual(certificate.find("pk").get("error"), "false")


def scan(terms):
    """Returns the `ssltest` element of sslscan's report.

    sslscan exits with 0 also when it cannot connect, and reports an `error` element in place of the result.
    """
    result = gatepost.directory() / "found.xml"
    command = [
        "sslscan", "--no-colour", f"--sni-name={scanned.NAME}", f"--xml={result}",
        f"127.0.0.1:{terms.port}",
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    report = ElementTree.parse(result)
    if (found := report.find("ssltest")) is None:
        raise SystemExit(f"sslscan could not scan {terms.about}: {report.findtext('error')}")
    return found


# By their numbers (RFC 8446 section 4.2.7): P-256, P-384 and X25519. sslscan does not know X25519MLKEM768.
GROUPS = [0x17, 0x18, 0x1D]

# Seconds. sslscan waits for answers that do not come, and takes ten of them.
LIMIT = 90


if __name__ == "__main__":
    unittest.main(verbosity=2)
