"""Passwords are hashed with argon2id, and hashes of the CORDS service still open the door once."""

from __future__ import annotations

import time

import pytest
from werkzeug.security import generate_password_hash

from server.services.passwords import hash_password, known_hash, needs_rehash, verify_password

WORDS = ["pass", "pässwörd ☃ 密码", "with\0nul", " blanks ", "x" * 1024, "\ud800"]


@pytest.mark.parametrize("word", WORDS)
def test_a_password_verifies_and_no_other_does(word: str) -> None:
    stored = hash_password(word)
    assert verify_password(stored, word)
    assert not verify_password(stored, word + "x")
    assert not verify_password(stored, "")


def test_the_parameters_are_those_of_the_design() -> None:
    assert hash_password("pass").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not needs_rehash(hash_password("pass"))


def test_equal_passwords_have_different_hashes() -> None:
    assert hash_password("pass") != hash_password("pass")


def test_letters_composed_differently_are_the_same_password() -> None:
    assert verify_password(hash_password("caf\u00e9"), "cafe\u0301")


def test_a_hash_of_werkzeug_verifies_and_wants_to_be_renewed() -> None:
    stored = generate_password_hash("password123", method="scrypt")
    assert stored.startswith("scrypt:32768:8:1$")
    assert known_hash(stored)
    assert needs_rehash(stored)
    assert verify_password(stored, "password123")
    assert not verify_password(stored, "password124")


def test_a_weaker_argon2_hash_wants_to_be_renewed() -> None:
    weak = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$Wf8hbBTnOH2CCKzZPYPW0Tw2Yv1kGHYpXzDsRh6G3Vo"
    assert known_hash(weak)
    assert needs_rehash(weak)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "password123",
        "$argon2id$",
        "pbkdf2:sha256:600000$salt$00",
        "scrypt:32768:8:1$salt$00",
        f"scrypt:32767:8:1$salt${'0' * 128}",
        f"scrypt:0:8:1$salt${'0' * 128}",
        f"scrypt:32768:0:1$salt${'0' * 128}",
        f"scrypt:8388608:64:64$salt${'0' * 128}",
    ],
)
def test_what_is_no_hash_verifies_nothing_and_costs_nothing(stored: str) -> None:
    started = time.perf_counter()
    assert not verify_password(stored, "password123")
    assert time.perf_counter() - started < 1
