"""Which version a selector chooses, over versions of every status."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import AliasNotFound, OnlyYanked, RevokedVersion, VersionNotFound
from registry.protocol import Version
from registry.resolve import choose, latest
from registry.selector import parse_reference, precedence


def made(number: str, status: str = "active", digest: str = "") -> Version:
    return Version(
        "acme/intent",
        number,
        digest or "sha256:" + sha256(number.encode()).hexdigest(),
        "c" * 40,
        status,
        "broken labels",
    )  # type: ignore[arg-type]


def chosen(selector: str, *versions: Version, aliases: Mapping[str, str] | None = None) -> str:
    return choose(parse_reference(f"acme/intent@{selector}"), versions, aliases or {}).version


MANY = [made(number) for number in ("1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "1.9.0", "0.9.0")]


@pytest.mark.parametrize(
    ("selector", "number"),
    [
        ("latest", "1.10.0"),
        ("^1.2", "1.10.0"),
        ("~1.2", "1.2.0"),
        ("1.x", "1.10.0"),
        ("<1.0.0", "0.9.0"),
        ("*", "1.10.0"),
        ("1.9.0", "1.9.0"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
        (">=2.0.0-rc.0", "2.0.0-rc.1"),
    ],
)
def test_the_highest_that_is_allowed(selector: str, number: str) -> None:
    assert chosen(selector, *MANY) == number
    assert chosen(selector, *reversed(MANY)) == number


def test_yanked_is_hidden_from_ranges_and_latest_but_not_from_pins() -> None:
    versions = made("1.0.0"), made("1.1.0", "yanked")
    assert chosen("latest", *versions) == chosen("^1", *versions) == "1.0.0"
    assert chosen("1.1.0", *versions) == "1.1.0"
    assert chosen("stable", *versions, aliases={"stable": "1.1.0"}) == "1.1.0"
    assert chosen(versions[1].digest, *versions) == "1.1.0"


@pytest.mark.parametrize("selector", ["latest", "^1", "1.0.0 || 1.1.0"])
def test_only_yanked_versions_would_do(selector: str) -> None:
    with pytest.raises(OnlyYanked, match=r"every version .* is yanked: 1\.1\.0, 1\.0\.0") as refused:
        chosen(selector, made("1.0.0", "yanked"), made("1.1.0", "yanked"), made("2.0.0-rc.1"))
    assert "acme/intent@1.1.0" in refused.value.hint


def test_revoked_is_refused_however_it_is_named() -> None:
    bad, good = made("1.1.0", "revoked"), made("1.0.0")
    for selector in ("1.1.0", "stable", bad.digest):
        with pytest.raises(RevokedVersion, match="broken labels"):
            chosen(selector, good, bad, aliases={"stable": "1.1.0"})
    assert chosen("^1", good, bad) == chosen("latest", good, bad) == "1.0.0"


def test_a_revoked_digest_stays_revoked_under_another_number() -> None:
    same = "sha256:" + "a" * 64
    with pytest.raises(RevokedVersion):
        chosen(same, made("1.0.0", "revoked", same), made("1.0.1", "active", same))


def test_a_range_of_revoked_versions_only() -> None:
    with pytest.raises(VersionNotFound, match=r"were revoked: 1\.0\.0"):
        chosen("^1", made("1.0.0", "revoked"))


def test_only_pre_releases_have_no_latest() -> None:
    with pytest.raises(VersionNotFound, match="no version"):
        chosen("latest", made("1.0.0-rc.1"))
    assert latest([made("1.0.0-rc.1")]) is None


def test_unknown_version_alias_and_digest() -> None:
    with pytest.raises(VersionNotFound, match=r"no version 3\.0\.0") as version:
        chosen("3.0.0", *MANY)
    assert "2.0.0-rc.1, 1.10.0" in version.value.hint
    with pytest.raises(AliasNotFound, match="'canary'") as alias:
        chosen("canary", *MANY, aliases={"production": "1.0.0"})
    assert "production" in alias.value.hint
    with pytest.raises(VersionNotFound, match="digest"):
        chosen("sha256:" + "9" * 64, *MANY)


def test_a_digest_of_two_versions_means_the_highest_active_one() -> None:
    same = "sha256:" + "a" * 64
    versions = made("1.0.0", "active", same), made("1.1.0", "active", same), made("1.2.0", "yanked", same)
    assert chosen(same, *versions) == "1.1.0"


statuses = st.sampled_from(["active", "yanked", "revoked"])
number = st.builds("{}.{}.{}".format, *[st.integers(0, 3)] * 3)


@given(st.dictionaries(number, statuses, max_size=12))
def test_latest_is_the_highest_active_release(versions: dict[str, str]) -> None:
    found = latest([made(one, status) for one, status in versions.items()])
    active = sorted((one for one, status in versions.items() if status == "active"), key=precedence)
    assert (found.version if found else None) == (active[-1] if active else None)
