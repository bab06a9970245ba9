"""How good or bad a text sounds, as a number from −1 to 1, without a network and without keeping the text.

The lexicon is that of textblob, an optional dependency (`crmhealth[sentiment]`). It knows English words; a text
in which it knows none says nothing, which is not the same as a neutral one.

Refuses to guess a language, and to read more of a text than its beginning.
"""

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textblob.en.sentiments import PatternAnalyzer

PACKAGE = "textblob"
LONGEST = 5_000
"""Characters that are read: people complain at the beginning, and what follows is quoted mail."""


def installed() -> bool:
    """Say whether texts can be rated here."""
    return find_spec(PACKAGE) is not None


def rate(text: str) -> float | None:
    """Rate a text from −1 (bad) to 1 (good), to a hundredth; None where it has no word that says anything."""
    found = _analyzer().analyze(text[:LONGEST], keep_assessments=True)
    if not found.assessments:
        return None
    # "+ 0.0" turns −0.0 into 0.0, which would be another fact
    return round(min(1.0, max(-1.0, float(found.polarity))), 2) + 0.0


@cache
def _analyzer() -> "PatternAnalyzer":
    # loading it takes a third of a second, which only those pay who asked for it
    from textblob.en.sentiments import PatternAnalyzer

    return PatternAnalyzer()
