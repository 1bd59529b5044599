"""Roles are cumulative, and a refusal says whether logging in would help."""

from __future__ import annotations

import pytest

from server.errors import Forbidden, Malformed, Unauthenticated
from server.services.callers import SYSTEM, Caller, Role, anonymous


def test_roles_are_found_by_name() -> None:
    assert [Role.parse(role.name) for role in Role] == sorted(Role)


@pytest.mark.parametrize("name", ["", "Admin", "root", "admin ", "__members__", "\0"])
def test_other_names_are_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(Malformed, match="reader, contributor, curator, admin"):
        Role.parse(name)


@pytest.mark.parametrize("has", list(Role))
@pytest.mark.parametrize("needs", list(Role))
def test_a_role_may_do_what_the_lower_ones_may(has: Role, needs: Role) -> None:
    somebody, nobody = Caller(id="a", person=None, role=has), anonymous(has)
    if has >= needs:
        somebody.require(needs)
        nobody.require(needs)
        return
    with pytest.raises(Forbidden, match=needs.name):
        somebody.require(needs)
    with pytest.raises(Unauthenticated, match=needs.name):
        nobody.require(needs)


def test_the_hub_itself_may_do_everything() -> None:
    SYSTEM.require(Role.admin)
