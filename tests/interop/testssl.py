#!/usr/bin/env python3
"""testssl.sh looks for weaknesses. None above LOW may be found, but for those that are expected, with a reason."""

import json
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

import gatepost
import scanned
from testssl_findings import classify


class TestsslChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.terms = scanned.all_terms()
        # Mostly they wait, so they can do it at the same time.
        with ThreadPoolExecutor() as pool:
            cls.scans = list(zip(cls.terms, pool.map(scan, cls.terms)))

    def test_no_weakness_above_low_is_found_but_those_that_are_expected(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                weak = found.weaknesses
                surprises = {name: finding for name, finding in weak.items() if name not in EXPECTED[terms.about]}
                self.assertEqual(surprises, {})
                self.assertEqual(set(EXPECTED[terms.about]) - set(weak), set(), "expected, but found no longer")

    def test_every_weakness_was_looked_for(self):
        # A scan that broke off would find nothing either.
        for terms, found in self.scans:
            with self.subTest(terms.about):
                self.assertEqual(set(LOOKED_FOR) - found.passed - set(EXPECTED[terms.about]), set())
                self.assertLessEqual(set(found.unclear), set(MAY_BE_UNCLEAR), found.unclear)

    def test_the_grade_is_the_best(self):
        grades = [found.texts["overall_grade"] for _, found in self.scans if "overall_grade" in found.texts]
        if not grades:
            self.skipTest("this version of testssl.sh gives no grades")
        self.assertLessEqual(set(grades), {"A", "A+"})

    def test_no_client_is_refused_but_those_that_are_known_to_be_too_old(self):
        for terms, found in self.scans:
            with self.subTest(terms.about):
                clients = {name: text for name, text in found.texts.items() if name.startswith(CLIENT)}
                refused = {name.removeprefix(CLIENT) for name, finding in clients.items() if "No conn" in finding}
                self.assertEqual(refused, set(OLD_CLIENTS[terms.about]))
                self.assertGreater(len(clients), 20)


def scan(terms):
    """Returns the classified findings of a complete scan."""
    result = gatepost.directory() / "findings.json"
    command = [
        "testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1",
        "--connect-timeout", "10", "--openssl-timeout", "10", "--add-ca", terms.authority, "--jsonfile", result,
        f"https://{scanned.NAME}:{terms.port}/",
    ]
    # Its exit code is the number of some of the findings.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    if not result.exists():
        raise SystemExit(f"testssl.sh wrote no findings:\n{done.stdout}{done.stderr}")
    found = classify(json.loads(result.read_text()))
    if found.scan_problems:
        raise SystemExit(f"testssl.sh could not scan {terms.about}: {found.scan_problems}")
    return found


# By the id of the finding: why it is none.
NO_REVOCATION = {"cert_revocation": "the throw-away certificate names no list of revoked ones"}
EXPECTED = {
    scanned.OWN: NO_REVOCATION | {
        "cipher_order": "each suite is an AEAD with forward secrecy (sslscan_checks.py knows them all), so a client "
        "may choose the one that it computes best; the package's nginx lets it choose, too",
    },
    scanned.GITLAB_RB: NO_REVOCATION | {
        "BREACH": "answers are compressed, as by the package's nginx: GitLab masks its tokens anew in each page, so "
        "that their length tells nothing; nginx['gzip_enabled'] = false is for those who do not trust in that",
    },
}

# What testssl.sh may fail to find out, by the id: why that does not matter.
MAY_BE_UNCLEAR = {
    "sessionresumption_ticket": "it leaves when the handshake is complete, and the tickets of TLS 1.3 come after "
    "that; resumption.py waits for them",
}

# The ids of what must have been looked for, and found in order.
LOOKED_FOR = [
    "SSLv2", "SSLv3", "TLS1_2", "TLS1_3",
    "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_STRONG", "PFS",
    "cert_trust", "cert_chain_of_trust", "cert_expirationStatus",
    "heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "BREACH",
    "POODLE_SSL", "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4",
]

CLIENT = "clientsimulation-"

# None of these speaks TLS 1.2 or, of Java, a suite with forward secrecy that is good.
BEFORE_TLS12 = ["ie_6_xp", "ie_8_win7", "ie_8_xp", "java_7u25"]
OLD_CLIENTS = {
    scanned.OWN: BEFORE_TLS12,
    # With an RSA key these know good suites with DHE only, which nginx offers with ssl_dhparam alone.
    scanned.GITLAB_RB: [*BEFORE_TLS12, "ie_11_win7", "ie_11_win81", "ie_11_winphone81"],
}

# Seconds. It takes fifty on a quiet machine.
LIMIT = 300


if __name__ == "__main__":
    unittest.main(verbosity=2)
