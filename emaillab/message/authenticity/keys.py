"""How are the keys of signatures made, published and used?

The private key stays with the signer; the public one is a TXT record that everybody can ask for.

>>> key = new_key("ed25519", seed=1)
>>> key.record
'v=DKIM1; k=ed25519; p=rwjoMoW2FYJZWsJLs4PmtzRQ1zD3yXd/GyFggR2lATA='
>>> signature = key.sign(b"some octets")
>>> fits(key.record, "ed25519-sha256", b"some octets", signature), fits(key.record, "ed25519-sha256", b"", signature)
(True, False)
"""

from __future__ import annotations

import random
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from emaillab.message.authenticity.tags import TagError, joined, parse_tags
from emaillab.message.authenticity.verdicts import trust_part

KINDS = ("rsa", "ed25519")
FEWEST_BITS, MOST_BITS = 1024, 8192
"""What an RSA key may have: shorter ones do not count (RFC 8301 §3.2), longer ones would cost too much to check."""

_RSA_OID = bytes.fromhex("300d06092a864886f70d0101010500")
_SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


class KeyRecordError(ValueError):
    """A key record that cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """A private key."""

    kind: str
    """rsa or ed25519."""
    private: bytes = field(repr=False)
    """RSA: PEM (PKCS #1 or #8); Ed25519: the seed in base64. What dkimpy and OpenDKIM read."""

    @property
    def algorithm(self) -> str:
        """The `a=` of its signatures."""
        return f"{self.kind}-sha256"

    @property
    def record(self) -> str:
        """The TXT record that publishes its public half. Source: RFC 6376 §3.6.1; RFC 8463 §4."""
        return f"v=DKIM1; k={self.kind}; p={b64encode(self._public()).decode('ascii')}"

    def sign(self, octets: bytes) -> bytes:
        """Return the signature of octets. Source: RFC 6376 §3.3; RFC 8463 §3."""
        if self.kind == "ed25519":
            return bytes(self._ed25519().sign(sha256(octets).digest()).signature)
        crypto = trust_part("dkim.crypto")
        return bytes(crypto.RSASSA_PKCS1_v1_5_sign(sha256(octets), self._rsa()))

    def _ed25519(self) -> Any:
        return trust_part("nacl.signing").SigningKey(b64decode(self.private))

    def _rsa(self) -> dict[str, int]:
        crypto = trust_part("dkim.crypto")
        try:
            numbers: dict[str, int] = crypto.parse_pem_private_key(self.private.replace(b"\r\n", b"\n"))
        except (crypto.UnparsableKeyError, ValueError) as error:
            raise ValueError(f"this is not an RSA private key in PEM: {error}") from None
        return numbers

    def _public(self) -> bytes:
        if self.kind == "ed25519":
            return bytes(self._ed25519().verify_key)
        numbers = self._rsa()
        key = _der(0x30, _integer(numbers["modulus"]) + _integer(numbers["publicExponent"]))
        return _der(0x30, _RSA_OID + _der(0x03, b"\0" + key))


def new_key(kind: str = "rsa", *, seed: int | None = None, bits: int = 1024) -> Key:
    """Make a key.

    Arguments: with a `seed` it is the same key every time, for the lab only, since whoever knows the seed has the key;
    `bits` counts for RSA: 1024 are the fewest that count, which is quick; a real signer takes 2048 (RFC 8301 §3.2).
    """
    if kind not in KINDS:
        raise ValueError(f"there is no kind of key {kind!r}; DKIM knows rsa and ed25519")
    if not 512 <= bits <= MOST_BITS:
        raise ValueError(f"an RSA key of {bits} bits is out of range; expected 512 to {MOST_BITS}")
    if kind == "ed25519":
        octets = secrets.token_bytes(32) if seed is None else sha256(b"emaillab ed25519 %d" % seed).digest()
        return Key(kind, b64encode(octets))
    return Key(kind, _rsa_pem(random.SystemRandom() if seed is None else random.Random(seed), bits))


def fits(record: str, algorithm: str, octets: bytes, signature: bytes) -> bool:
    """Tell whether a signature is by the owner of a key record and of these octets. Raises: KeyRecordError."""
    public = _public_key(record, algorithm)
    if algorithm == "ed25519-sha256":
        nacl = trust_part("nacl.exceptions")
        try:
            trust_part("nacl.signing").VerifyKey(public).verify(sha256(octets).digest(), signature)
        except (nacl.BadSignatureError, ValueError):
            return False
        return True
    numbers = _rsa_numbers(public)
    return bool(trust_part("dkim.crypto").RSASSA_PKCS1_v1_5_verify(sha256(octets), signature, numbers))


def _public_key(record: str, algorithm: str) -> bytes:
    """Read a key record. Raises: KeyRecordError. Source: RFC 6376 §3.6.1, §6.1.2."""
    try:
        tags = parse_tags(record)
    except TagError as error:
        raise KeyRecordError(f"the key record cannot be read: {error}") from None
    kind, _, digest = algorithm.partition("-")
    if tags.get("v", "DKIM1") != "DKIM1":
        raise KeyRecordError("the key record is not of version DKIM1")
    if not tags.get("p"):
        raise KeyRecordError("the key is revoked: its p= is empty" if "p" in tags else "the key record has no p=")
    if tags.get("k", "rsa") != kind:
        raise KeyRecordError(f"the key is for {tags.get('k', 'rsa')}, the signature by {algorithm}")
    if "h" in tags and digest not in joined(tags["h"]).split(":"):
        raise KeyRecordError(f"the key is for the hashes {tags['h']}, the signature by {algorithm}")
    if not {"*", "email"} & set(joined(tags.get("s", "*")).split(":")):
        raise KeyRecordError(f"the key is for the service {tags['s']}, not for mail")
    try:
        public = b64decode(joined(tags["p"]), validate=True)
    except ValueError:
        raise KeyRecordError("the key record's p= is not base64") from None
    if kind == "ed25519" and len(public) != 32:
        raise KeyRecordError(f"an Ed25519 key has 32 octets, this one {len(public)}")
    return public


def _rsa_numbers(public: bytes) -> dict[str, int]:
    if len(public) > 2 * MOST_BITS // 8:
        raise KeyRecordError(f"the RSA key has over {MOST_BITS} bits")
    try:
        numbers: dict[str, int] = trust_part("dkim.crypto").parse_public_key(public)
    except Exception as error:  # dkimpy's ASN.1 reader meets whatever octets a zone holds
        raise KeyRecordError(f"the RSA key cannot be read: {error}") from None
    bits = numbers["modulus"].bit_length()
    if not FEWEST_BITS <= bits <= MOST_BITS:
        raise KeyRecordError(f"the RSA key has {bits} bits; at least {FEWEST_BITS} are demanded (RFC 8301 §3.2)")
    if not 2 < numbers["publicExponent"] < 2**32:
        raise KeyRecordError("the RSA key's exponent is out of range")
    return numbers


# -- RSA keys from a seed -----------------------------------------------------------------------------


def _rsa_pem(rng: random.Random, bits: int) -> bytes:
    """Make an RSA key in PEM. Source: RFC 8017 §3.2, A.1.2."""
    exponent = 65537
    p, q = _prime(rng, bits - bits // 2, exponent), _prime(rng, bits // 2, exponent)
    while p == q:
        q = _prime(rng, bits // 2, exponent)
    p, q = max(p, q), min(p, q)
    d = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = (0, p * q, exponent, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    text = b64encode(_der(0x30, b"".join(map(_integer, numbers))))
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN RSA PRIVATE KEY-----", *lines, b"-----END RSA PRIVATE KEY-----", b""])


def _prime(rng: random.Random, bits: int, exponent: int) -> int:
    while True:
        n = rng.getrandbits(bits) | 3 << (bits - 2) | 1  # both top bits set: the product has exactly twice as many
        if n % exponent != 1 and all(n % small for small in _SMALL_PRIMES) and _is_prime(n, rng):
            return n


def _is_prime(n: int, rng: random.Random) -> bool:
    """Tell whether n is very probably prime (Miller and Rabin)."""
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    odd = (n - 1) >> twos
    for _ in range(12):
        x = pow(rng.randrange(2, n - 1), odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def _integer(n: int) -> bytes:
    return _der(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
