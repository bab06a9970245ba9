"""The demonstration (under construction)."""


def demo(*, keep: bool, accounts: int, weeks: int, seed: int) -> int:
    raise SystemExit(f"not there yet: {keep} {accounts} {weeks} {seed}")
