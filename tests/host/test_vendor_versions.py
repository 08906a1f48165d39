"""Vendors' versions are compared part by part, whatever their case and their way of writing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.domain.vendor_version import VendorVersion, at_least

ORDERED = (
    ("8.1.RC1", "8.2.RC1", "8.2.rc2", "8.2", "8.3.RC2", "8.5.0", "8.5.1", "9.0.0"),
    ("24.1.rc2", "24.1.rc3", "24.1", "25.5.0", "26.0.rc1", "26.0"),
    ("570.158.01", "580", "580.65.06", "610.43.02"),
    ("6.3.13-v1.12.0a", "6.3.30-V1.4.1", "6.3.30-V1.4.1a"),
    ("1.0a1", "1.0b2", "1.0rc1", "1.0"),
    ("0.4.0+3.5", "0.6.0+ascend3.2", "0.7.0+ascend3.5"),
)
VERSIONS = st.text(alphabet="0123456789.-+abrcv", min_size=1, max_size=20)


@pytest.mark.parametrize("versions", ORDERED, ids=lambda v: v[0])
def test_versions_as_vendors_write_them_are_in_their_order(versions: tuple[str, ...]) -> None:
    assert all(VendorVersion(a) < VendorVersion(b) for a, b in pairwise(versions))


def test_case_and_noughts_at_the_end_do_not_count() -> None:
    assert VendorVersion("8.2.RC1") == VendorVersion("8.2.rc1")
    assert VendorVersion("580") == VendorVersion("580.0")
    assert at_least("580", "580.0.0")


def test_a_release_is_newer_than_what_came_before_it() -> None:
    assert not at_least("9.0.rc1", "9.0")
    assert at_least("9.0", "9.0.rc1")


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_one(a: str, b: str, c: str) -> None:
    one, two, three = VendorVersion(a), VendorVersion(b), VendorVersion(c)
    assert (one < two) + (one == two) + (two < one) == 1
    assert not (one <= two <= three) or one <= three


@given(VERSIONS)
def test_equal_versions_have_equal_hashes(text: str) -> None:
    assert hash(VendorVersion(text.upper())) == hash(VendorVersion(text.lower()))
