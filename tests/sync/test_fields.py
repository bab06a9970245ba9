"""What makes "nothing changed" mean no write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.fields import FieldMapping, canonical, shortened, show


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("number", 77.0, 77),
        ("number", "77", 77),
        ("number", "77.0", 77),
        ("number", "42.5", 42.5),
        ("number", "", None),
        ("number", None, None),
        ("number", "n/a", "n/a"),
        ("text", "", None),
        ("text", "a\r\nb  ", "a\nb"),
        ("instant", "2024-09-10T13:57:45.000+0000", "2024-09-10T13:57:45.000Z"),
        ("instant", "2024-09-10T15:57:45+02:00", "2024-09-10T13:57:45.000Z"),
        ("instant", "2024-09-10T13:57:45.123456Z", "2024-09-10T13:57:45.123Z"),
        ("instant", "soon", "soon"),
    ],
)
def test_equal_values_are_equal_whoever_wrote_them(kind: str, raw: object, expected: object) -> None:
    assert canonical(kind, raw) == expected  # type: ignore[arg-type]


def test_words_are_mapped_to_the_values_of_the_picklist() -> None:
    mapping = FieldMapping(output="band", values={"red": "Red"})

    assert show(mapping, "red") == "Red"
    assert show(mapping, "green") == "green"
    assert show(mapping, None) is None


def test_long_text_is_cut_between_words() -> None:
    assert shortened("usage fell by half", 12) == "usage fell…"
    assert shortened("short", 12) == "short"


@given(st.text(max_size=400), st.integers(2, 255))
def test_shortened_text_always_fits(text: str, length: int) -> None:
    assert len(shortened(text, length)) <= length


@given(st.one_of(st.none(), st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6), st.text(max_size=20)))
def test_the_canonical_form_of_a_canonical_value_is_itself(raw: object) -> None:
    for kind in ("number", "text", "instant"):
        once = canonical(kind, raw)
        assert canonical(kind, once) == once
