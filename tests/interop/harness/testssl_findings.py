"""Sorts the findings of testssl.sh: about the server, about checks not carried out, about the scan itself.

testssl.sh writes everything into one list of findings: properties of the server, and remarks about its own machine
and its own run. Only the former say anything about the server. The ids below are all that testssl.sh 3.0 and 3.2
use for the latter; they come from its functions `fatal`, `ip_fatal`, `generic_nonfatal`, `fileout_insert_warning`,
`fileout_json_footer` and `determine_optimal_proto`.
"""

from dataclasses import dataclass, field

# Remarks about the machine of testssl.sh. The scan is complete without what they miss, so they are ignored.
MACHINE_REMARKS = {
    "engine_problem": "the local OpenSSL has no GOST engine; Gatepost offers no GOST cipher suite",
}

# The scan did not work or did not work as a whole, so its result is not used. With severity INFO, the ids carry
# properties of the scan: its duration (`scanTime`) and the protocol for connections by OpenSSL (`optimal_proto`).
SCAN_PROBLEMS = {
    "scanProblem": "a fatal error, or a whole section of checks left out",
    "scanTime": "the scan was interrupted",
    "optimal_proto": "the local OpenSSL cannot connect to the server",
    "old_fart": "the local OpenSSL is too old for a scan",
    "too_old_openssl": "the local OpenSSL is too old for a scan",
}

# Weak to severe. INFO describes the server without a verdict.
HARMLESS = {"OK", "INFO", "LOW"}
WEAK = {"MEDIUM", "HIGH", "CRITICAL"}


@dataclass
class Findings:
    """The findings of one scan. Each dictionary has ids as keys and the text of the finding as values."""

    # Weaknesses of the server above LOW.
    weaknesses: dict = field(default_factory=dict)
    # Checks with the result OK.
    passed: set = field(default_factory=set)
    # Checks that testssl.sh did not carry out or that had no clear result (WARN, DEBUG and any other severity).
    unclear: dict = field(default_factory=dict)
    # Reasons not to use the result.
    scan_problems: dict = field(default_factory=dict)
    # Everything except remarks about the machine and about the scan, by id.
    texts: dict = field(default_factory=dict)


def classify(findings):
    """Sorts the entries of a JSON file of testssl.sh (`--jsonfile`)."""
    sorted_findings = Findings()
    for each in findings:
        add(sorted_findings, each["id"], each["severity"], each["finding"])
    return sorted_findings


def add(findings, name, severity, text):
    if is_scan_problem(name, severity):
        findings.scan_problems[name] = text
    elif name not in MACHINE_REMARKS:
        findings.texts[name] = text
        if severity in WEAK:
            findings.weaknesses[name] = text
        elif severity not in HARMLESS:
            findings.unclear[name] = text
        elif severity == "OK":
            findings.passed.add(name)


def is_scan_problem(name, severity):
    """FATAL ends a scan, whatever the id."""
    return severity == "FATAL" or (name in SCAN_PROBLEMS and severity not in HARMLESS)
