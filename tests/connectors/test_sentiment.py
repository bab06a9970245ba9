"""Rating a text: a number from −1 to 1, without a network."""

import pytest

from connectors._sentiment import LONGEST, installed, rate

pytestmark = pytest.mark.skipif(not installed(), reason="the extra 'sentiment' is not installed")


@pytest.mark.parametrize(
    "text, low, high",
    [
        ("Terrible experience, we are very disappointed and angry!", -1.0, -0.5),
        ("Not good. Still broken after three weeks.", -0.6, -0.1),
        ("Thank you so much, great support, love it", 0.4, 1.0),
    ],
)
def test_complaints_are_negative_and_thanks_positive(text: str, low: float, high: float) -> None:
    found = rate(text)

    assert found is not None
    assert low <= found <= high


@pytest.mark.parametrize(
    "text", ["", "   ", "Login", "Die App stürzt dauernd ab, sehr ärgerlich", "日本語", "4711"]
)
def test_a_text_without_a_word_that_says_anything_has_no_sentiment(text: str) -> None:
    assert rate(text) is None


def test_only_the_beginning_of_a_long_text_counts() -> None:
    assert rate("x" * LONGEST + " terrible") is None
    assert rate("terrible " + "x" * LONGEST) == -1.0


def test_the_same_text_has_the_same_number_to_a_hundredth() -> None:
    text = "The app is slow and really annoying, but your people are very kind."

    found = rate(text)

    assert found == rate(text)
    assert found is not None
    assert found == round(found, 2)
