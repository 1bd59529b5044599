"""Hash and verify passwords: argon2id for our own, werkzeug's scrypt for accounts that come from the CORDS service."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_SCRYPT = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2})\$([^$]{1,128})\$([0-9a-f]{128})")
_SCRYPT_BYTES = 256 * 1024 * 1024  # a hash that asks for more was not made by werkzeug and would stop the hub


def hash_password(password: str) -> str:
    """Hash a password with argon2id, in the PHC string format."""
    return _ARGON2.hash(_composed(password))


def verify_password(stored: str, password: str) -> bool:
    """Tell whether the password is the one that was hashed; a hash that cannot be read verifies nothing."""
    if match := _SCRYPT.fullmatch(stored):
        return _verify_scrypt(match, password)
    try:
        return _ARGON2.verify(stored, _composed(password))
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Tell whether the hash is of another kind or weaker than the ones made today."""
    return not stored.startswith("$argon2id$") or _ARGON2.check_needs_rehash(stored)


def known_hash(stored: str) -> bool:
    """Tell whether the text is a hash that `verify_password` can read (for imports)."""
    return stored.startswith("$argon2id$") or _SCRYPT.fullmatch(stored) is not None


def _composed(password: str) -> bytes:
    # The same letters typed on different systems are composed differently (é as one character or two).
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _verify_scrypt(match: re.Match[str], password: str) -> bool:
    n, r, p = (int(match[place]) for place in (1, 2, 3))
    memory = 132 * n * r * p
    if n < 2 or n & (n - 1) or not r or not p or memory > _SCRYPT_BYTES:
        return False
    derived = hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=match[4].encode(), n=n, r=r, p=p, maxmem=memory, dklen=64)
    return hmac.compare_digest(derived.hex(), match[5])
