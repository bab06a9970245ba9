"""Record ids: 15 characters where case matters, and the 18 that survive programs which ignore case."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def id18(id15: str) -> str:
    """Append the three check characters: each tells which of five characters are capitals."""
    check = ""
    for start in (0, 5, 10):
        capitals = sum(
            1 << place for place, letter in enumerate(id15[start : start + 5]) if "A" <= letter <= "Z"
        )
        check += _CHECK[capitals]
    return id15 + check


def new_id(key_prefix: str, number: int) -> str:
    """Make the number-th id of an object."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return id18(f"{key_prefix}5f{digits:0>10}")


def canonical(record_id: str) -> str | None:
    """Give the 18-character form, None for what cannot be an id."""
    if not record_id.isascii() or not record_id.isalnum():
        return None
    if len(record_id) == 15:
        return id18(record_id)
    if len(record_id) == 18 and id18(record_id[:15]) == record_id[:15] + record_id[15:].upper():
        return id18(record_id[:15])
    return None
