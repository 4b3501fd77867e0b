"""Tests of the classification, with findings as testssl.sh 3.0.8 writes them."""

import unittest

from harness.testssl_findings import classify

NO_ENGINE = {
    "id": "engine_problem", "severity": "WARN",
    "finding": "No engine or GOST support via engine with your /usr/bin/openssl",
}
SCAN_TIME = {"id": "scanTime", "severity": "INFO", "finding": "52"}


class Classification(unittest.TestCase):
    def test_remarks_about_the_machine_are_ignored(self):
        found = classify([NO_ENGINE, SCAN_TIME])
        self.assertEqual((found.weaknesses, found.unclear, found.scan_problems), ({}, {}, {}))
        self.assertNotIn("engine_problem", found.texts)

    def test_severities_above_low_are_weaknesses(self):
        for severity in ["MEDIUM", "HIGH", "CRITICAL"]:
            found = classify([{"id": "RC4", "severity": severity, "finding": "VULNERABLE"}])
            self.assertEqual(found.weaknesses, {"RC4": "VULNERABLE"})
            self.assertEqual(found.passed, set())

    def test_ok_passes_and_info_and_low_are_harmless(self):
        found = classify([
            {"id": "SSLv3", "severity": "OK", "finding": "not offered"},
            {"id": "TLS1_2", "severity": "INFO", "finding": "offered"},
            {"id": "LUCKY13", "severity": "LOW", "finding": "potentially vulnerable"},
        ])
        self.assertEqual(found.passed, {"SSLv3"})
        self.assertEqual((found.weaknesses, found.unclear), ({}, {}))
        self.assertEqual(set(found.texts), {"SSLv3", "TLS1_2", "LUCKY13"})

    def test_a_check_that_was_not_carried_out_is_unclear(self):
        for severity in ["WARN", "DEBUG", "unknown"]:
            found = classify([{"id": "SWEET32", "severity": severity, "finding": "not tested"}])
            self.assertEqual(found.unclear, {"SWEET32": "not tested"})
            self.assertEqual((found.passed, found.scan_problems), (set(), {}))

    def test_an_incomplete_scan_is_a_scan_problem(self):
        for name, severity in [
            ("scanProblem", "FATAL"), ("scanProblem", "WARN"), ("scanTime", "WARN"), ("optimal_proto", "WARN"),
            ("old_fart", "WARN"), ("too_old_openssl", "WARN"), ("any", "FATAL"),
        ]:
            with self.subTest(name):
                found = classify([{"id": name, "severity": severity, "finding": "text"}])
                self.assertEqual(found.scan_problems, {name: "text"})
                self.assertEqual((found.weaknesses, found.unclear, found.texts), ({}, {}, {}))


if __name__ == "__main__":
    unittest.main()
