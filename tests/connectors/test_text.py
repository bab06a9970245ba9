"""Text that no database or encoder takes ends at the border."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from connectors import Page
from connectors._text import read_json, storable
from connectors.files import Files, FilesSettings
from connectors.zendesk import Zendesk, ZendeskSettings
from scoring.model import Fact, SourceAccount
from tests.connectors.fakes import a_context, accounts_of, facts_of, pulled

ODD = "a\0b\ud83dc"
MENDED = "ab\ufffdc"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), ANY_TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ANY_TEXT, inner, max_size=4)),
    max_leaves=12,
)


def test_a_page_holds_only_storable_text() -> None:
    fact = Fact(
        topic="usage",
        source_id=ODD,
        account_key=ODD,
        metric=ODD,
        observed_at=NOW,
        body={"status": ODD, "n": 1},
    )
    account = SourceAccount(account_key=ODD, name=ODD, external_id=ODD, domains=(ODD, "acme.example"))

    page = Page(facts=[fact], accounts=[account], cursor=ODD)

    assert page == Page(
        facts=[
            Fact(
                topic="usage",
                source_id=MENDED,
                account_key=MENDED,
                metric=MENDED,
                observed_at=NOW,
                body={"status": MENDED, "n": 1},
            )
        ],
        accounts=[
            SourceAccount(
                account_key=MENDED, name=MENDED, external_id=MENDED, domains=(MENDED, "acme.example")
            )
        ],
        cursor=MENDED,
    )


def test_a_fact_whose_text_is_fine_is_the_same_fact() -> None:
    fact = Fact(topic="usage", source_id="Müller 😀", account_key="1", observed_at=NOW, body={"status": "é"})

    assert Page(facts=[fact]).facts[0] is fact


@given(ANY_TEXT)
def test_what_is_storable_can_be_encoded_and_stays_so(text: str) -> None:
    once = storable(text)

    assert "\0" not in once.encode().decode()
    assert storable(once) == once


@given(ANY_JSON)
def test_any_json_is_read_and_can_be_written_again(value: object) -> None:
    read = read_json(json.dumps(value).encode())

    assert b"\\u0000" not in orjson.dumps(read)


@pytest.mark.parametrize("content", [b"", b"<html>", b'"\xff"', b'"\\ud83d', b"[" * 5_000 + b"]" * 5_000])
def test_what_is_not_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(content)


def test_a_nul_in_a_file_reaches_nobody(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_bytes(b"key,name\nA\0B,Ac\0me\n")
    (tmp_path / "customers.jsonl").write_text('{"key": "A\\u0000B", "name": "Ac\\ud83dme"}\n')
    stream = {"kind": "accounts", "account": "key", "account_name": "name"}
    streams = [
        {**stream, "name": "csv", "path": "customers.csv"},
        {**stream, "name": "jsonl", "path": "customers.jsonl"},
    ]
    settings = FilesSettings.model_validate({"streams": streams, "settle_seconds": 0})
    source = Files(settings=settings, context=a_context(tmp_path))

    assert accounts_of(pulled(source, "csv")) == [SourceAccount(account_key="AB", name="Acme")]
    assert accounts_of(pulled(source, "jsonl")) == [SourceAccount(account_key="AB", name="Ac\ufffdme")]


@respx.mock
def test_half_an_emoji_in_a_name_does_not_keep_a_page_out() -> None:
    content = (
        b'{"organizations": [{"id": 1, "name": "Ac\\ud83dme\\u0000"}],'
        b' "meta": {"has_more": false}, "links": {}}'
    )
    respx.get(url__startswith="https://acme.zendesk.com/").mock(
        return_value=httpx.Response(200, content=content)
    )
    settings = ZendeskSettings.model_validate(
        {"subdomain": "acme", "oauth_token": "env:TOKEN"}, context={"resolve": lambda _: "token"}
    )
    source = Zendesk(settings=settings, context=a_context())

    pages = pulled(source, "organizations")
    source.close()

    assert facts_of(pages) == []
    assert [account.name for account in accounts_of(pages)] == ["Ac\ufffdme"]
