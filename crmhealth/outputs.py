"""Everything a judgement can show in a CRM, account by account, by the names of `sync.fields.OUTPUTS`.

Refuses to choose what is shown, and to make sentences for accounts nobody asks about.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property

import polars as pl

from crmhealth.judging import Judgement
from scoring.explain import Explanation, explain
from scoring.formats import formats
from scoring.model import Account
from scoring.remedy import Target, remedies
from scoring.standing import priority
from scoring.words import fitted
from sync.fields import ALSO_MATERIAL, OUTPUTS, canonical, instant_text, of_side
from sync.values import Value

_PLAIN = ("word", "letter", "stars", "scale10", "rank", "delta_7", "delta_30", "delta_90")


class Outputs:
    """What one judgement shows; frames are made once, texts when they are asked for."""

    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement

    @cached_property
    def _numbers(self) -> Mapping[str, Mapping[str, object]]:
        """Give what is a column of some frame, by account_id."""
        made = self.judgement
        shown = pl.concat(
            [
                made.scored.select(
                    "account_id",
                    "score",
                    "band",
                    "confidence",
                    "auto_score",
                    "band_since",
                    "profile",
                    "pulse_state",
                    "override_state",
                ),
                formats(made.scored, made.book, made.model).select(
                    "word", "letter", "stars", "scale10", "rank", "percentile", "colour"
                ),
                priority(made.scored, made.book, cohort=made.cohort).select("priority"),
                made.trends.select("trend", "delta_7", "delta_30", "delta_90"),
            ],
            how="horizontal",
        )
        return {row["account_id"]: row for row in shown.iter_rows(named=True)}

    @cached_property
    def _beside(self) -> Mapping[str, Mapping[str, Mapping[str, object]]]:
        """Give score, band and confidence of the scores beside health, by name and account_id."""
        columns = ("account_id", "score", "band", "confidence")
        return {
            name: {row["account_id"]: row for row in side.scored.select(columns).iter_rows(named=True)}
            for name, side in self.judgement.sides.items()
        }

    def material(self, account_id: str, mapped: Sequence[str]) -> list[str]:
        """Give what decides whether a record is written, as far as a field shows it (docs/decisions/0002)."""
        row = self._numbers[account_id]
        parts = [
            str(canonical("number", row["score"])),
            str(row["band"]),
            str(row["trend"]),
            level(row["confidence"]),
            self.judgement.basis[account_id],
        ]
        for name in mapped:
            side = of_side(name)
            if side:
                beside = self._beside[side][account_id]
                parts.append(f"{name}={canonical('number', beside['score'])},{beside['band']}")
            elif name in ALSO_MATERIAL:
                parts.append(f"{name}={self._also(account_id)[name]}")
        return parts

    def _also(self, account_id: str) -> dict[str, Value]:
        row = self._numbers[account_id]
        return {
            "by_hand": by_hand(row, self.judgement.accounts[account_id]),
            "colour": str(row["colour"]),
            "percentile": _whole(row["percentile"]),
            "profile": str(row["profile"]) or None,
        }

    def _reasons_beside(self, name: str, account_id: str) -> str:
        side = self.judgement.sides[name]
        row = side.scored.filter(pl.col("account_id") == account_id)
        (told,) = explain(row, side.signals, side.model, accounts=self.judgement.book)
        return told.short

    def of(self, account_id: str, explanation: Explanation, mapped: Collection[str]) -> dict[str, Value]:
        """Give every output of one account; what is costly only if it is among those that are mapped."""
        row = self._numbers[account_id]
        since = row["band_since"]
        outputs: dict[str, Value] = {
            "score": canonical("number", row["score"]),
            "auto_score": canonical("number", row["auto_score"]),
            "band": str(row["band"]),
            "band_since": instant_text(since) if isinstance(since, datetime) else None,
            "trend": str(row["trend"]),
            "reasons": explanation.short,
            "details": explanation.long,
            "confidence": _percent(row["confidence"]),
            "computed_at": instant_text(self.judgement.as_of),
            "priority": canonical("number", _rounded(row["priority"], 3)),
            "model_version": self.judgement.model.version,
            "remedy": self._remedy(account_id) if "remedy" in mapped else None,
            **self._also(account_id),
        }
        outputs |= {name: _plain(row[name]) for name in _PLAIN}
        for name, rows in self._beside.items():
            beside = rows[account_id]
            outputs |= {
                f"{name}.score": canonical("number", beside["score"]),
                f"{name}.band": str(beside["band"]),
                f"{name}.confidence": _percent(beside["confidence"]),
            }
            if f"{name}.reasons" in mapped:
                outputs[f"{name}.reasons"] = self._reasons_beside(name, account_id)
        return outputs

    def _remedy(self, account_id: str) -> str | None:
        """Say what would bring an account to the next better band; None where it is green, or nothing would."""
        target = _NEXT.get(str(self._numbers[account_id]["band"]))
        ways = remedies(self.judgement.side(account_id), target, most=1) if target else ()
        return fitted(ways[0].sentence, OUTPUTS["remedy"].length) if ways else None


_NEXT: Mapping[str, Target] = {"red": "yellow", "yellow": "green"}

# Which level of confidence a record shows decides about writing; every decimal would be a write a day.
CONFIDENCE_LEVELS = ((0.8, "high"), (0.5, "medium"), (0.0, "low"))


def level(confidence: object) -> str:
    """Name the level of a confidence of 0 to 1."""
    if confidence is None:
        return "none"
    return next(name for floor, name in CONFIDENCE_LEVELS if float(str(confidence)) >= floor)


def by_hand(row: Mapping[str, object], account: Account) -> str | None:
    """Say who set the band by hand, until when and why; None where nobody has."""
    if row["override_state"] != "on":
        return None
    fields = account.fields
    author = f" by {fields['override_author']}" if fields.get("override_author") else ""
    until = str(fields.get("override_until") or "")[:10]
    return fitted(f"Set to {row['band']}{author} until {until}: {fields.get('override_reason')}", 255)


def _percent(share: object) -> Value:
    return None if share is None else round(float(str(share)) * 100)


def _whole(number: object) -> Value:
    return None if number is None else round(float(str(number)))


def _rounded(number: object, places: int) -> float | None:
    return None if number is None else round(float(str(number)), places)


def _plain(value: object) -> Value:
    if value is None or isinstance(value, str):
        return value
    return canonical("number", value)
