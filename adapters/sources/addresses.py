"""Which network addresses a link may lead to."""

import ipaddress
from typing import Final

# What Python's own list of special networks leaves out, or knows only in some versions.
NEVER_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "100.64.0.0/10",  # behind a provider's translation, also a cloud's metadata
        "168.63.129.16/32",  # a cloud's metadata at a public address
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
    )
)
PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
# Inside the public part: tunnels and translations that carry another address, benchmarks and documentation.
NEVER_V6: Final = tuple(
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def is_public(address: str) -> bool:
    """Tell whether ``address`` (an IPv4 or IPv6 address in text) belongs to the public internet.

    Addresses that carry another one (mapped to IPv4, NAT64, 6to4, Teredo) never do: what they lead to depends on the
    network that they are used in.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        return ip in PUBLIC_V6 and ip.is_global and not any(ip in network for network in NEVER_V6)
    special = ip.is_multicast or ip.is_reserved or not ip.is_global
    return not special and not any(ip in network for network in NEVER_V4)


def is_loopback(address: str) -> bool:
    """Tell whether ``address`` is this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
