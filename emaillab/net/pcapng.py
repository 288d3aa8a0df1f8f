"""How does Wireshark see a session? As packets: this writes sessions as a capture file, with TCP made up around them.

The ports are the textbook's, so that Wireshark decodes SMTP, POP3 and IMAP by itself.

>>> from emaillab.net.transcript import Transcript
>>> talk = Transcript(protocol="smtp", client="alice", server="crepes.fr", port=25)
>>> talk.heard(Chunk("S", b"220 crepes.fr\\r\\n", 0.0, 0.01))
>>> capture = encode([talk])
>>> capture[:4].hex(), b"220 crepes.fr" in capture, len(_packets(talk, 49152))  # SYN SYN-ACK ACK, data, ACK
('0a0d0d0a', True, 5)
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from emaillab.net.chunk import Chunk, Recorded, Side

SEGMENT = 1460  # octets of TCP payload that fit an Ethernet frame
RAW_IP = 101  # the link type of packets that begin with the IP header
FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10
FIRST_PORT = 49152  # of the clients; RFC 6335 §6


def write(transcripts: Iterable[Recorded], path: str | Path) -> Path:
    """Write sessions as one capture file and return its path."""
    target = Path(path)
    target.write_bytes(encode(transcripts))
    return target


def encode(transcripts: Iterable[Recorded]) -> bytes:
    """Return sessions as the octets of a pcapng file, all packets in the order of time.

    Source: draft-ietf-opsawg-pcapng; RFC 9293 §3.1; RFC 791 §3.1.
    """
    packets = [
        packet
        for number, transcript in enumerate(transcripts)
        for packet in _packets(transcript, FIRST_PORT + number % (65536 - FIRST_PORT))
    ]
    packets.sort(key=lambda packet: packet[0])
    section = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = _block(1, struct.pack("<HHI", RAW_IP, 0, 0))
    return section + interface + b"".join(_enhanced(seconds, octets) for seconds, octets in packets)


def _packets(transcript: Recorded, client_port: int) -> list[tuple[float, bytes]]:
    """Return (seconds since 1970, IP packet) for a whole connection, from SYN to FIN."""
    tcp = _Tcp(transcript, client_port)
    start = datetime.fromisoformat(transcript.start).timestamp() if transcript.start else 0.0
    opened_s, latency_s = start + transcript.opened_s, _latency_s(transcript)
    packets = [
        (opened_s, tcp.packet("C", SYN)),
        (opened_s + latency_s, tcp.packet("S", SYN | ACK)),
        (opened_s + 2 * latency_s, tcp.packet("C", ACK)),
    ]
    for chunk in transcript.chunks:
        packets += [(start + chunk.sent_s, octets) for octets in tcp.data(chunk)]
        packets.append((start + chunk.arrived_s, tcp.packet("S" if chunk.side == "C" else "C", ACK)))
    if transcript.closed_s is not None:
        closed_s = start + max([transcript.closed_s, *(chunk.arrived_s for chunk in transcript.chunks)])
        packets += [(closed_s, tcp.packet("C", FIN | ACK)), (closed_s, tcp.packet("S", FIN | ACK))]
        packets.append((closed_s, tcp.packet("C", ACK)))
    return packets


def _latency_s(transcript: Recorded) -> float:
    """Return how long a packet of nothing travels: as the fastest chunk did, and so that a handshake comes first."""
    if not transcript.chunks:
        return 0.0
    time_to_open = (transcript.chunks[0].sent_s - transcript.opened_s) / 2
    return max(0.0, min(time_to_open, *(chunk.arrived_s - chunk.sent_s for chunk in transcript.chunks)))


class _Tcp:
    """Both ends of one made-up TCP connection: addresses, ports and sequence numbers."""

    def __init__(self, transcript: Recorded, client_port: int) -> None:
        ips = _address(transcript.client_ip), _address(transcript.server_ip)
        if len({*map(len, ips)}) > 1:  # one packet has addresses of one kind: RFC 4291 §2.5.5.2
            ips = _as_ipv6(ips[0]), _as_ipv6(ips[1])
        self._ips = dict(zip("CS", ips, strict=True))
        self._ports = {"C": client_port, "S": transcript.port}
        self._next = {"C": 1000, "S": 5000}  # each side's next sequence number

    def data(self, chunk: Chunk) -> Iterator[bytes]:
        """Yield the packets of one chunk."""
        for at in range(0, len(chunk.data), SEGMENT):
            yield self.packet(chunk.side, PSH | ACK, chunk.data[at : at + SEGMENT])

    def packet(self, side: Side, flags: int, payload: bytes = b"") -> bytes:
        """Return one IP packet and count its octets."""
        other: Side = "S" if side == "C" else "C"
        sequence, seen = self._next[side], self._next[other] if flags & ACK else 0
        self._next[side] += len(payload) + (1 if flags & (SYN | FIN) else 0)
        header = struct.pack(
            "!HHIIBBHHH", self._ports[side], self._ports[other], sequence, seen, 5 << 4, flags, 65535, 0, 0
        )
        source, target = self._ips[side], self._ips[other]
        length = len(header) + len(payload)
        pseudo = source + target + struct.pack("!HH" if len(source) == 4 else "!IxxxB", *_last(source, length))
        checksum = _checksum(pseudo + header + payload)
        tcp = header[:16] + struct.pack("!H", checksum) + header[18:] + payload
        return _ip_header(source, target, len(tcp)) + tcp


def _last(source: bytes, length: int) -> tuple[int, int]:
    """Return the end of the pseudo-header: protocol and length, in IPv4's order or IPv6's."""
    return (6, length) if len(source) == 4 else (length, 6)


def _ip_header(source: bytes, target: bytes, length: int) -> bytes:
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, length, 6, 64) + source + target
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, 6, 0) + source + target
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:]


def _address(ip: str) -> bytes:
    """Return an address's octets; what is no address gets one for documentation."""
    try:
        return ipaddress.ip_address(ip).packed
    except ValueError:
        return ipaddress.ip_address("192.0.2.254").packed


def _as_ipv6(address: bytes) -> bytes:
    """Return an IPv4 address as the IPv6 address that stands for it."""
    return address if len(address) == 16 else bytes(10) + b"\xff\xff" + address


def _checksum(data: bytes) -> int:
    """Return the Internet checksum. Source: RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2]))
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _enhanced(seconds: float, packet: bytes) -> bytes:
    """Return an Enhanced Packet Block, its time in microseconds."""
    microseconds = round(seconds * 1e6)
    head = struct.pack("<IIIII", 0, microseconds >> 32, microseconds & 0xFFFFFFFF, len(packet), len(packet))
    return _block(6, head + packet + bytes(-len(packet) % 4))


def _block(kind: int, body: bytes) -> bytes:
    """Return one block of the file."""
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
