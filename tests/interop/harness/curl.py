"""curl as a client, without settings of the machine."""

from . import processes
from .processes import ToolError


def run(*arguments, limit, **options):
    """Runs curl, which gives up after `limit` seconds. Returns its exit code and its output."""
    command = ["curl", *ISOLATED, "--silent", "--show-error", "--max-time", str(limit), *arguments]
    # Headers are bytes; latin-1 decodes all of them.
    done = processes.run(command, limit + 10, **{"encoding": "latin-1", **options})
    if done.returncode in LOCAL_FAILURES:
        raise ToolError(f"curl failed without a request, exit code {done.returncode}: {done.stderr!r}")
    return done


def to(name, gatepost):
    """Options for requests to a host of Gatepost."""
    return ["--resolve", f"{name}:{gatepost.https}:127.0.0.1", "--cacert", gatepost.ca]


# Exit code of curl when `limit` is over.
TIMED_OUT = 28

# Neither ~/.curlrc, for which --disable must be the first option, nor a proxy.
ISOLATED = ["--disable", "--noproxy", "*"]

# Exit codes for errors that are no result of an exchange: protocol not supported, initialization, feature not built
# in, out of memory, unknown option.
LOCAL_FAILURES = {1, 2, 4, 27, 48}
