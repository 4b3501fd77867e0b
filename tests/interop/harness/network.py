"""Free ports and connection tests on loopback."""

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"


def accepts_connections(port, address=LOOPBACK):
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def free_ports(count):
    return [free_port() for _ in range(count)]


def free_port(addresses=(LOOPBACK,)):
    """Returns a port that is free on all `addresses`.

    It is below the range from which the kernel selects the ports of clients (`ip_local_port_range`, 32768 and above),
    so that no client takes it while a server restarts.
    """
    for port in _candidates:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for address in addresses:
                stack.enter_context(socket.create_server((address, port)))
            return port
    raise RuntimeError("no free port is left")


# Each port is returned once. The order is random, because several judges may run at the same time.
_candidates = iter(random.sample(range(20_000, 32_000), 12_000))
