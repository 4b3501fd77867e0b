#!/usr/bin/env python3
"""testssl.sh scans for weaknesses. Those above LOW fail the judge, except expected ones, each with a reason."""

import json
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import judge, processes, tls_targets
from harness.testssl_findings import classify


class TestsslChecks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        targets = tls_targets.start_all()
        # A scan mostly waits, so both run at the same time.
        with ThreadPoolExecutor() as pool:
            cls.scans = list(zip(targets, pool.map(scan, targets)))

    def test_no_unexpected_weakness_is_found(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                expected = EXPECTED[target.about]
                unexpected = {name: text for name, text in found.weaknesses.items() if name not in expected}
                self.assertEqual(unexpected, {})
                self.assertEqual(set(expected) - set(found.weaknesses), set(), "expected, but no longer found")

    def test_every_check_was_carried_out(self):
        # An incomplete scan would find no weakness either.
        for target, found in self.scans:
            with self.subTest(target.about):
                self.assertEqual(set(REQUIRED) - found.passed - set(EXPECTED[target.about]), set())
                unclear = {name: text for name, text in found.unclear.items() if name not in MAY_BE_UNCLEAR}
                self.assertEqual(unclear, {}, "not carried out or without a clear result")

    def test_the_grade_is_the_best(self):
        grades = [found.texts["overall_grade"] for _, found in self.scans if "overall_grade" in found.texts]
        if not grades:
            self.skipTest("this version of testssl.sh gives no grades")
        self.assertLessEqual(set(grades), {"A", "A+"})

    def test_only_clients_known_to_be_too_old_are_rejected(self):
        for target, found in self.scans:
            with self.subTest(target.about):
                clients = {name: text for name, text in found.texts.items() if name.startswith(CLIENT)}
                rejected = {name.removeprefix(CLIENT) for name, text in clients.items() if "No conn" in text}
                self.assertEqual(rejected, set(OLD_CLIENTS[target.about]))
                self.assertGreater(len(clients), 20)


def scan(target):
    """Returns the classified findings of a complete scan."""
    result = processes.temporary_directory() / "findings.json"
    command = [
        "testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1",
        "--connect-timeout", "10", "--openssl-timeout", "10", "--add-ca", target.ca, "--jsonfile", result,
        f"https://{tls_targets.NAME}:{target.port}/",
    ]
    failure = f"testssl.sh could not scan {target.about}"
    # The exit code depends on the number of some findings.
    try:
        done = processes.run(command, LIMIT)
    except processes.TimeLimitExceeded as error:
        raise judge.ToolError(f"{failure}: {error}") from None
    try:
        found = classify(json.loads(result.read_text()))
    except (OSError, ValueError):
        raise judge.ToolError(f"{failure}, it wrote no findings:\n{done.stdout}{done.stderr}") from None
    if found.scan_problems:
        raise judge.ToolError(f"{failure}: {found.scan_problems}")
    return found


# By the id of the finding: the reason why it is acceptable.
NO_REVOCATION = {"cert_revocation": "the throw-away certificate names no CRL"}
EXPECTED = {
    tls_targets.DEFAULT: NO_REVOCATION | {
        "cipher_order": "each suite is an AEAD with forward secrecy (sslscan.py lists them), so clients may select the "
        "one that they compute fastest; the nginx of the GitLab package lets them select, too",
    },
    tls_targets.GITLAB_RB: NO_REVOCATION | {
        "BREACH": "responses are compressed, as by the nginx of the GitLab package: GitLab masks its tokens with new "
        "random bytes in each page, so that their compressed length reveals nothing; nginx['gzip_enabled'] = false "
        "disables compression",
    },
}

# By the id of the finding: the reason why testssl.sh needs no clear result.
MAY_BE_UNCLEAR = {
    "sessionresumption_ticket": "testssl.sh closes after the handshake, before the tickets of TLS 1.3 arrive; "
    "resumption.py waits for them",
}

# The ids of the checks that must have the result OK.
REQUIRED = [
    "SSLv2", "SSLv3", "TLS1_2", "TLS1_3",
    "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_STRONG", "PFS",
    "cert_trust", "cert_chain_of_trust", "cert_expirationStatus",
    "heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "BREACH",
    "POODLE_SSL", "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4",
]

CLIENT = "clientsimulation-"

# These know neither TLS 1.2 nor, for Java, a strong suite with forward secrecy.
BEFORE_TLS12 = ["ie_6_xp", "ie_8_win7", "ie_8_xp", "java_7u25"]
OLD_CLIENTS = {
    tls_targets.DEFAULT: BEFORE_TLS12,
    # With an RSA key these know strong suites with DHE only, which nginx offers only with ssl_dhparam.
    tls_targets.GITLAB_RB: [*BEFORE_TLS12, "ie_11_win7", "ie_11_win81", "ie_11_winphone81"],
}

# Seconds. A scan takes fifty on an idle machine.
LIMIT = 300


if __name__ == "__main__":
    judge.main("openssl", "testssl")
