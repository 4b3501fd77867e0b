"""Sorts the findings of testssl.sh: about the server, about checks not carried out, about the scan itself.

testssl.sh writes one list of findings: properties of the server, and remarks about its own machine and its own run.
Only the former describe the server. The ids below are all that testssl.sh 3.0 and 3.2 use for the latter. They occur
in its functions `fatal`, `ip_fatal`, `generic_nonfatal`, `fileout_insert_warning`, `fileout_json_footer` and
`determine_optimal_proto`.
"""

from dataclasses import dataclass, field

# Remarks about the machine of testssl.sh. The checks of this project do not need what is missing there, so these
# findings are ignored.
MACHINE_REMARKS = {
    "engine_problem": "the local OpenSSL has no GOST engine; Gatepost offers no GOST cipher suite",
}

# The scan failed or is incomplete, so its result is not used. With the severity INFO, `scanTime` is the duration of
# the scan and `optimal_proto` the protocol of its connections through OpenSSL.
SCAN_PROBLEMS = {
    "scanProblem": "a fatal error, or a whole section of checks left out",
    "scanTime": "the scan was interrupted",
    "optimal_proto": "the local OpenSSL cannot connect to the server",
    "old_fart": "the local OpenSSL is too old for a scan",
    "too_old_openssl": "the local OpenSSL is too old for a scan",
}

# Severities. INFO describes the server without a verdict.
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
