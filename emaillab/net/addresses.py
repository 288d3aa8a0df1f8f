"""Which machine has which address? The address book of a world, of addresses that belong to nobody in the real one.

>>> book = AddressBook()
>>> book.enter("crepes.fr"), book.enter("alice.crepes.fr").ip
(End(name='crepes.fr', ip='192.0.2.25'), '192.0.2.125')
>>> book["crepes.fr"].ip, book.name_of("192.0.2.125"), book.name_of("192.0.2.99")
('192.0.2.25', 'alice.crepes.fr', None)
>>> book["hamburger.edu"]
Traceback (most recent call last):
KeyError: 'there is no host or device hamburger.edu in this world, only alice.crepes.fr, crepes.fr'
"""

from __future__ import annotations

import itertools

from emaillab.net.connection import End
from emaillab.net.zones import host_name, plain_address, plain_name

NETS = ("192.0.2", "198.51.100", "203.0.113")  # for documentation, RFC 5737


class AddressBook:
    """The names and addresses of a world's hosts and devices."""

    def __init__(self) -> None:
        self._ends: dict[str, End] = {}
        self._names: dict[str, str] = {}  # ip → name

    def enter(self, name: str, ip: str | None = None) -> End:
        """Give a machine an address, by default the next free one; a machine that is known keeps its own.

        Raises: ValueError when the name is no host's, or the address no address or somebody else's.
        """
        name = host_name(name)
        known = self._ends.get(name)
        if ip is None:
            end = known or End(name, self._free())
        else:
            end = End(name, plain_address(ip))
            owner = self._names.get(end.ip, name)
            if owner != name:
                raise ValueError(f"{end.ip} is the address of {owner} already; choose another, or leave it out")
            if known not in (None, end):
                raise ValueError(f"{name} has the address {self[name].ip} already")
        self._ends[name], self._names[end.ip] = end, name
        return end

    def __getitem__(self, name: str) -> End:
        end = self._ends.get(plain_name(name))
        if end is None:
            known = ", ".join(sorted(self._ends))
            raise KeyError(f"there is no host or device {name} in this world, only {known}")
        return end

    def name_of(self, ip: str) -> str | None:
        """Return the name of the machine at an address, or None."""
        return self._names.get(ip)

    def _free(self) -> str:
        """Return an address that nobody has: hosts and the devices of their users take turns."""
        for number in itertools.count(len(self._ends)):
            ip = f"{NETS[number // 2 % 3]}.{(25 if number % 2 == 0 else 125) + number // 6}"
            if ip not in self._names:
                return plain_address(ip)  # raises when the nets for documentation are full
        raise AssertionError("a count does not end")
