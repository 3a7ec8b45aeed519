"""References: what they may look like, and that each text is of exactly one kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import parse_reference
from registry.errors import InvalidReference
from registry.selector import Kind, check_alias, check_repository, check_version, is_base_id, parse_selector

DIGEST = "sha256:" + "0f" * 32

numbers = st.integers(min_value=0, max_value=10**9)
exact = st.builds("{}.{}.{}".format, numbers, numbers, numbers)
ranges = st.builds(
    "{}{}".format,
    st.sampled_from(["^", "~", ">=", "<", "<="]),
    st.one_of(exact, st.builds("{}.{}".format, numbers, numbers)),
)
aliases = st.from_regex(r"[a-z][a-z-]{3,20}", fullmatch=True).filter(
    lambda text: text not in ("latest", "main", "head")
)
digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
part = st.from_regex(r"[a-z0-9][a-z0-9_]{0,30}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.4.0", Kind.EXACT),
        ("1.4.0-rc.1", Kind.EXACT),
        ("0.0.0", Kind.EXACT),
        ("^1.4", Kind.RANGE),
        ("~1.2.3", Kind.RANGE),
        ("1.4", Kind.RANGE),
        ("1", Kind.RANGE),
        ("1.x", Kind.RANGE),
        ("*", Kind.RANGE),
        (">=1.2 <2", Kind.RANGE),
        ("1.2.3 || ^2", Kind.RANGE),
        ("production", Kind.ALIAS),
        ("blue-green_2.b", Kind.ALIAS),
        ("Production", Kind.ALIAS),
        ("latest", Kind.LATEST),
        (DIGEST, Kind.DIGEST),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    reference = parse_reference(f"acme/intent@{text}")
    assert (reference.repository, reference.selector.kind, reference.selector.text) == ("acme/intent", kind, text)


def test_a_bare_name_means_latest() -> None:
    assert parse_reference("acme/intent") == parse_reference("acme/intent@latest")
    assert str(parse_reference("acme/intent")) == "acme/intent@latest"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "acme",
        "acme/",
        "/intent",
        "acme/intent@",
        "acme/intent@ ",
        "acme/intent@1.4.0@production",
        "acme/in tent",
        "acme/intent/more",
        "acme//intent",
        "../intent",
        "acme/..",
        "acme/in..tent",
        "acme/in--tent",
        "acme/-intent",
        "acme/intent.",
        "acme/.intent",
        "acme/intent.git",
        "acme/" + "a" * 97,
        "acmé/intent",
        "acme\\intent",
        "acme/intent@sha256:abc",
        "acme/intent@sha256:" + "0F" * 32,
        "acme/intent@sha512:" + "0f" * 32,
        "acme/intent@a b",
        "acme/intent@a/b",
        "acme/intent@a..b",
        "acme/intent@-a",
        "acme/intent@1.2.3.4.5?",
        "acme/intent@1.4.0+build",
        "acme/intent@00 - 0",
        "acme/intent@" + "a" * 257,
        "acme/intent@" + "9" * 5000,
        "acme/intent@production\n",
        "acme/intent\n@production",
        "acme/intent@१.०.०",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_reference(text)
    assert refused.value.hint


@given(part, part, st.one_of(exact, ranges, aliases, digests))
def test_references_survive_a_round_trip(owner: str, name: str, selector: str) -> None:
    text = f"{owner}/{name}@{selector}"
    once = parse_reference(text)
    assert str(once) == text
    assert parse_reference(str(once)) == once


@given(exact, ranges, aliases, digests)
def test_each_text_is_of_its_own_kind(version: str, spec: str, alias: str, digest: str) -> None:
    found = [parse_selector(text).kind for text in (version, spec, alias, digest)]
    assert found == [Kind.EXACT, Kind.RANGE, Kind.ALIAS, Kind.DIGEST]


@given(st.text(max_size=300))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidReference:
        return
    assert parse_reference(str(reference)) == reference


@given(st.text(alphabet="0123456789.x*^~<>=|- v+", max_size=40))
def test_any_almost_range_parses_or_is_refused(text: str) -> None:
    try:
        parse_selector(text)
    except InvalidReference as error:
        assert error.message


@pytest.mark.parametrize(
    "text", ["1.4", "v1.4.0", "01.4.0", "1.4.0-", "1.4.0-01", "", " 1.4.0", "1.4.0+b", "1" * 97 + ".0.0"]
)
def test_what_cannot_be_published(text: str) -> None:
    with pytest.raises(InvalidReference):
        check_version(text)


@pytest.mark.parametrize(
    "name", ["latest", "Latest", "main", "1.4.0", "^1", "x", "v1", "", "a b", "a" * 97, "a" * 40, DIGEST, "HEAD"]
)
def test_what_cannot_be_an_alias(name: str) -> None:
    with pytest.raises(InvalidReference):
        check_alias(name)


def test_latest_says_why_it_cannot_be_set() -> None:
    with pytest.raises(InvalidReference, match="latest cannot be set"):
        check_alias("latest")


@pytest.mark.parametrize("name", ["production", "canary-2", "team.blue", "A_b"])
def test_what_can_be_an_alias(name: str) -> None:
    assert check_alias(name) == name


@pytest.mark.parametrize("name", ["a/b", "A1/b.c-d_e", "a" * 96 + "/b"])
def test_what_can_be_a_repository(name: str) -> None:
    assert check_repository(name) == name


@pytest.mark.parametrize(
    ("name", "is_id"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", True),
        ("gpt2", True),
        ("/models/gpt2", False),
        ("./gpt2", False),
        ("~/gpt2", False),
        ("../gpt2", False),
        ("a/b/c", False),
        ("C:\\models\\gpt2", False),
        ("models\\gpt2", False),
        ("", False),
    ],
)
def test_bases_have_hub_ids_not_paths(name: str, is_id: bool) -> None:
    assert is_base_id(name) is is_id
