"""Makes text from elsewhere storable: without NUL, which PostgreSQL refuses, and without lone surrogates,
which no encoding has and orjson refuses both to read and to write.

Refuses nothing: an emoji that some system cut in half must not keep a whole page out.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from scoring.model import Fact, SourceAccount

SURROGATE = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """Drop NUL and put U+FFFD for each lone surrogate."""
    return SURROGATE.sub("\ufffd", text.replace("\0", ""))


def is_storable(text: str) -> bool:
    """Say whether a text can stay as it is."""
    return "\0" not in text and (text.isascii() or SURROGATE.search(text) is None)


def storable_fact(fact: Fact) -> Fact:
    """Give the fact with every text storable; the same one if it was."""
    if all(map(is_storable, _texts_of_fact(fact))):
        return fact
    return replace(
        fact,
        topic=storable(fact.topic),
        source_id=storable(fact.source_id),
        account_key=storable(fact.account_key),
        metric=storable(fact.metric),
        body=None if fact.body is None else _storable_json(dict(fact.body)),
    )


def storable_account(account: SourceAccount) -> SourceAccount:
    """Give the account with every text storable; the same one if it was."""
    texts = (account.account_key, account.name, account.external_id, *account.domains)
    if all(map(is_storable, texts)):
        return account
    return replace(
        account,
        account_key=storable(account.account_key),
        name=storable(account.name),
        external_id=storable(account.external_id),
        domains=tuple(map(storable, account.domains)),
    )


def read_json(content: str | bytes) -> Any:
    """Parse JSON with every text in it storable; raise ValueError, or RecursionError where it is too deep."""
    raw = content.encode(errors="replace") if isinstance(content, str) else content
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if b"\\ud" not in raw.lower():
            raise
        return _storable_json(json.loads(raw))  # takes lone surrogates
    return _storable_json(parsed) if b"\\u0000" in raw else parsed


def _texts_of_fact(fact: Fact) -> Iterable[str]:
    yield from (fact.source_id, fact.account_key, fact.metric, fact.topic)
    for name, value in (fact.body or {}).items():
        yield name
        if isinstance(value, str):
            yield value


def _storable_json(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(name): _storable_json(each) for name, each in value.items()}
        case list():
            return [_storable_json(each) for each in value]
        case _:
            return value
