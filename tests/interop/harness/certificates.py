"""Throw-away certificates."""

from pathlib import Path

from . import processes

ROOT = Path(__file__).resolve().parents[3]

# Seconds.
LIMIT = 60


def generate(directory, *names):
    """Creates a CA and, for each name, certificates with ECDSA and RSA keys. Replaces existing files.

    The files are `ca.pem`, `NAME.crt`, `NAME.key`, `NAME.rsa.crt` and `NAME.rsa.key`.
    """
    processes.output([ROOT / "certs/generate.sh", directory, *names], LIMIT)


def self_signed(directory, stem, names):
    """Creates one self-signed certificate for all `names`, which may have wildcards."""
    processes.output(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={stem}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
         "-keyout", directory / f"{stem}.key", "-out", directory / f"{stem}.crt"],
        LIMIT,
    )
