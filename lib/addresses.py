"""The address guard: which hosts we connect to on somebody's behalf. It resolves names and opens no connection.

A clone URL or a hook's address comes from a stranger, and behind the server that runs us stand machines that trust it.
So a name is resolved here, every address that is not a public one is refused, and the caller connects to the address
that was checked and to no other: asking the name again later could give another answer.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Not public, whatever the registries of special addresses say: services of clouds, and ranges that carry an IPv4
# address inside an IPv6 one (NAT64, 6to4, Teredo), through which a private one could be reached.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "198.18.0.0/15",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fec0::/10",
        "::/96",
    )
)


class AddressRefused(Exception):  # noqa: N818 — a decision, told as a sentence
    """The host may not be reached or is not known; the text is a sentence for whoever gave the address.

    `retryable`: the name could not be looked up just now, which may pass.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


def resolve(host: str, port: int, trusted_hosts: Collection[str] = ()) -> tuple[str, ...]:
    """The addresses of `host` that may be connected to, as text, in the resolver's order.

    `trusted_hosts` holds what the operator allows though it is private: `host` or `host:port`, names or addresses
    (`[::1]:22` for IPv6 with a port). A host with one refused address among good ones is refused whole, since a
    client would be free to choose that one. Raises `AddressRefused`.
    """
    name = host.strip("[]").rstrip(".").lower()
    addresses = _look_up(name, port)
    if is_trusted(name, port, trusted_hosts):
        return tuple(str(address) for address in addresses)
    for address in addresses:
        why = _objection(address)
        if why:
            raise AddressRefused(
                f"{name} has the address {address}, which is {why}. Imageyard connects to public addresses only, "
                f"unless its administrator adds `{name}` to IMAGEYARD_TRUSTED_HOSTS."
            )
    return tuple(str(address) for address in addresses)


def is_trusted(host: str, port: int, trusted_hosts: Collection[str]) -> bool:
    """Whether the operator named this host, with this port or with none."""
    name = host.strip("[]").rstrip(".").lower()
    bracketed = f"[{name}]" if ":" in name else name
    return not {name, bracketed, f"{bracketed}:{port}"}.isdisjoint(entry.lower() for entry in trusted_hosts)


def _look_up(name: str, port: int) -> list[IPAddress]:
    try:
        # getaddrinfo also reads the old spellings of addresses (`127.1`, `0x7f000001`, `2130706433`), as curl and
        # ssh would, so that what is checked is what they mean.
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except socket.gaierror as error:
        raise _unknown(name, error) from error
    except (UnicodeError, OverflowError, ValueError) as error:
        raise AddressRefused(f"`{name[:100]}` is not a host name.") from error
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found))


def _unknown(name: str, error: socket.gaierror) -> AddressRefused:
    if error.errno == socket.EAI_AGAIN:
        return AddressRefused(
            f"The name {name} could not be looked up: the name server does not answer.", retryable=True
        )
    return AddressRefused(f"The host {name} is not known. Check the spelling of the address.")


def _objection(address: IPAddress) -> str:
    """Why an address is not public, as the end of a sentence; empty for a public one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _objection(address.ipv4_mapped)
        if address.scope_id is not None:
            return "a link-local address"
    kinds = (
        (address.is_loopback, "this machine itself"),
        (address.is_unspecified, "no address of a machine"),
        (address.is_link_local, "a link-local address, where clouds keep their credentials"),
        (address.is_multicast, "a multicast address"),
        (any(address in network for network in _NEVER if network.version == address.version), "not a public address"),
        (address.is_private, "a private address"),
        (address.is_reserved or not address.is_global, "not a public address"),
    )
    return next((name for holds, name in kinds if holds), "")
