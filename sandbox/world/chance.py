"""Chance that is a function: the same seed, purpose and numbers always give the same draw.

Nothing is drawn in sequence, so what happens to one account on one day depends on no other account, no other
day, and not on how often or in what steps somebody asked. Works on whole polars columns.
"""

from collections.abc import Sequence

import polars as pl

_MASK = 2**64 - 1
# splitmix64: multiplications wrap around at 64 bits, in polars as in the original.
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
Number = pl.Expr | int


class Chance:
    """Draws for one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed & _MASK

    def uniform(self, purpose: str, *numbers: Number) -> pl.Expr:
        """Draw evenly from [0, 1) for a purpose and the numbers (account, day, …) it concerns."""
        seed = _mixed(self._seed ^ int.from_bytes(purpose.encode(), "little") % _MASK)

        def draw(columns: Sequence[pl.Series]) -> pl.Series:
            # On whole columns at once: as one expression, each step would hold the one before it twice.
            mixed = pl.Series([seed], dtype=pl.UInt64)
            for column in columns:
                mixed = _scrambled(mixed ^ (column.cast(pl.UInt64) * _GOLDEN))
            return (mixed // 2**11).cast(pl.Float64) * 2.0**-53

        columns = [number if isinstance(number, pl.Expr) else pl.lit(number) for number in numbers]
        return pl.map_batches(columns, draw, return_dtype=pl.Float64, is_elementwise=True)

    def between(self, purpose: str, low: float, high: float, *numbers: Number) -> pl.Expr:
        """Draw evenly from [low, high)."""
        return self.uniform(purpose, *numbers) * (high - low) + low

    def whole(self, purpose: str, low: int, high: int, *numbers: Number) -> pl.Expr:
        """Draw a whole number from low up to, not including, high."""
        return (self.uniform(purpose, *numbers) * (high - low)).floor().cast(pl.Int64) + low

    def bell(self, purpose: str, *numbers: Number) -> pl.Expr:
        """Draw around 0 with a standard deviation of 1, never beyond 3."""
        draws = [self.uniform(f"{purpose}{place}", *numbers) for place in range(3)]
        # Three even draws have a variance of 3/12; doubling the spread makes it 1.
        return (draws[0] + draws[1] + draws[2] - 1.5) * 2.0


def _scrambled(number: pl.Series) -> pl.Series:
    # Division by a power of two is the shift that polars lacks.
    number = (number ^ (number // 2**30)) * _FIRST
    number = (number ^ (number // 2**27)) * _SECOND
    return number ^ (number // 2**31)


def _mixed(number: int) -> int:
    number = (number + _GOLDEN) & _MASK
    number = ((number ^ (number >> 30)) * _FIRST) & _MASK
    number = ((number ^ (number >> 27)) * _SECOND) & _MASK
    return number ^ (number >> 31)
