"""The reference connector: exports on disk."""

import gzip
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from connectors import Context
from connectors.files import Files, FilesSettings
from scoring.errors import CredentialsError, CrmhealthError, PayloadError, TransientError
from scoring.model import SourceAccount, number_id
from tests.connectors.fakes import FakeTime, a_context, accounts_of, facts_of, pulled
from tests.contracts.connector_contract import ConnectorContract, Scenario

PAYLOADS = Path(__file__).parents[1] / "payloads" / "files"
SHARED = Path(__file__).parents[3] / "shared"

USAGE: Mapping[str, Any] = {
    "name": "usage",
    "path": "usage.csv",
    "kind": "daily",
    "account": "account",
    "date": "day",
    "metrics": {
        "clicks": {"column": "clicks", "aggregate": "sum"},
        "features": {"column": "feature", "aggregate": "nunique"},
        "rows": {"aggregate": "count"},
    },
}
TICKETS: Mapping[str, Any] = {
    "name": "tickets",
    "path": "tickets.jsonl",
    "kind": "records",
    "topic": "tickets",
    "id": "id",
    "account": "customer",
    "observed_at": "opened",
    "fields": {
        "opened_at": "opened",
        "closed_at": "closed",
        "severity": {"column": "prio", "map": {"P1": "urgent", "P3": "normal"}},
        "rating": {"column": "stars", "scale": 0.25},
        "status": {"default": "unknown"},
    },
}
CUSTOMERS: Mapping[str, Any] = {
    "name": "customers",
    "path": "customers.csv",
    "delimiter": ";",
    "kind": "accounts",
    "account": "key",
    "account_name": "name",
    "external_id": "crm",
    "domains": ["web"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with exports that were written long ago."""
    for payload in PAYLOADS.iterdir():
        shutil.copyfile(payload, tmp_path / payload.name)
    return tmp_path


def a_source(context: Context | Path, *streams: Mapping[str, Any], settle: float = 0) -> Files:
    """Build the connector from what an admin would write."""
    settings = FilesSettings.model_validate({"streams": list(streams), "settle_seconds": settle})
    context = a_context(context, source="exports") if isinstance(context, Path) else context
    return Files(settings=settings, context=context)


def problem(folder: Path, stream: Mapping[str, Any]) -> PayloadError:
    """Pull a stream that cannot be read and return the error."""
    with pytest.raises(PayloadError) as caught:
        pulled(a_source(folder, stream), stream["name"])
    return caught.value


class TestFilesContract(ConnectorContract):
    @pytest.fixture
    def scenario(self, folder: Path) -> Scenario:
        def break_down() -> None:
            for name in ("usage.csv", "tickets.jsonl", "customers.csv"):
                (folder / name).write_bytes(b"")

        return Scenario(
            type="files", connector=a_source(folder, CUSTOMERS, USAGE, TICKETS), break_down=break_down
        )


def test_rows_add_up_to_numbers_per_account_and_day(folder: Path) -> None:
    facts = facts_of(pulled(a_source(folder, USAGE), "usage"))

    assert {(fact.account_key, fact.metric, fact.observed_at.isoformat()): fact.value for fact in facts} == {
        ("007", "clicks", "2026-03-28T23:00:00+00:00"): 7.0,
        ("007", "features", "2026-03-28T23:00:00+00:00"): 2.0,
        ("007", "rows", "2026-03-28T23:00:00+00:00"): 2.0,
        # summer time began on the 29th; its clicks are missing, which is not zero
        ("007", "features", "2026-03-29T22:00:00+00:00"): 1.0,
        ("007", "rows", "2026-03-29T22:00:00+00:00"): 1.0,
        ("A-2", "clicks", "2026-03-28T23:00:00+00:00"): 0.0,
        ("A-2", "features", "2026-03-28T23:00:00+00:00"): 1.0,
        ("A-2", "rows", "2026-03-28T23:00:00+00:00"): 1.0,
    }


def test_a_row_that_stands_for_a_week_counts_on_its_last_day(folder: Path) -> None:
    weekly = {**USAGE, "covers_days": 7, "metrics": {"clicks": USAGE["metrics"]["clicks"]}}

    facts = facts_of(pulled(a_source(folder, weekly), "usage"))

    # the rows of 28 March stand for the days up to and including 3 April
    assert {fact.observed_at.isoformat() for fact in facts} == {"2026-04-03T22:00:00+00:00"}
    assert facts[0].source_id == number_id("007", "clicks", date(2026, 4, 3))


def test_a_number_is_named_by_account_metric_and_day(folder: Path) -> None:
    facts = facts_of(pulled(a_source(folder, USAGE), "usage"))

    assert facts[0].source_id == number_id("007", "clicks", date(2026, 3, 28))
    assert facts[0].known_at is None


def test_days_come_oldest_first(folder: Path) -> None:
    (folder / "usage.csv").write_text("account,day,clicks\nA,2026-03-02,1\nB,2026-03-01,1\n")
    stream = {**USAGE, "metrics": {"clicks": {"column": "clicks", "aggregate": "sum"}}}

    facts = facts_of(pulled(a_source(folder, stream), "usage"))

    assert [fact.account_key for fact in facts] == ["B", "A"]


def test_records_become_facts_with_the_fields_of_their_topic(folder: Path) -> None:
    facts = facts_of(pulled(a_source(folder, TICKETS), "tickets"))

    assert [fact.source_id for fact in facts] == ["11", "12", "13"]
    assert [fact.account_key for fact in facts] == ["007", "A-2", ""]
    assert facts[0].body == {
        "opened_at": "2026-03-27T08:30:00+00:00",
        "closed_at": None,
        "severity": "urgent",
        "rating": 1.0,
        "status": "unknown",
    }
    assert facts[1].body == {
        "opened_at": "2026-03-27T23:00:00+00:00",
        "closed_at": "2026-03-28T08:00:00+00:00",
        "severity": "normal",
        "rating": None,
        "status": "unknown",
    }


def test_accounts_come_with_what_matches_them(folder: Path) -> None:
    accounts = accounts_of(pulled(a_source(folder, CUSTOMERS), "customers"))

    assert accounts == [
        SourceAccount(
            account_key="007",
            name="Bond Ltd",
            external_id="0018d00000ABCdEAAX",
            domains=("https://bond.example", "bond.co.uk"),
        ),
        SourceAccount(account_key="A-2", name="Müller & Söhne", domains=("müller.example",)),
    ]


def test_an_unchanged_file_is_one_page_that_says_so(folder: Path) -> None:
    source = a_source(folder, USAGE)
    cursor = pulled(source, "usage")[-1].cursor

    (page,) = pulled(source, "usage", cursor=cursor)

    assert page.unchanged
    assert page.last
    assert page.cursor == cursor
    assert page.facts == ()


def test_a_changed_file_is_read_anew(folder: Path) -> None:
    source = a_source(folder, USAGE)
    cursor = pulled(source, "usage")[-1].cursor

    with (folder / "usage.csv").open("a") as export:
        export.write("A-3,2026-03-29,reports,1,\n")

    assert "A-3" in {fact.account_key for fact in facts_of(pulled(source, "usage", cursor=cursor))}


def test_a_changed_mapping_or_time_zone_reads_the_same_file_anew(folder: Path) -> None:
    cursor = pulled(a_source(folder, USAGE), "usage")[-1].cursor
    other_mapping = a_source(folder, {**USAGE, "topic": "touches"})
    other_zone = a_source(a_context(folder, timezone="Asia/Tokyo"), USAGE)

    assert not pulled(other_mapping, "usage", cursor=cursor)[0].unchanged
    assert not pulled(other_zone, "usage", cursor=cursor)[0].unchanged


def test_a_backfill_is_known_when_it_was_true(folder: Path) -> None:
    usage = facts_of(pulled(a_source(folder, {**USAGE, "known": "observed"}), "usage"))
    tickets = facts_of(pulled(a_source(folder, {**TICKETS, "known": "observed"}), "tickets"))

    assert [fact.known_at for fact in usage] == [fact.observed_at for fact in usage]
    assert [fact.known_at for fact in tickets] == [fact.observed_at for fact in tickets]


def test_facts_after_the_moment_of_the_pull_are_kept(folder: Path) -> None:
    source = a_source(folder, {**USAGE, "known": "observed"})

    before = facts_of(pulled(source, "usage", now=datetime(2026, 1, 1, tzinfo=UTC)))

    assert before == facts_of(pulled(source, "usage"))


@pytest.mark.parametrize(
    "name", ["usage.csv", "usage.csv.gz", "usage.jsonl", "usage.jsonl.gz", "usage.parquet"]
)
def test_the_same_rows_make_the_same_facts_in_every_format(folder: Path, name: str) -> None:
    expected = facts_of(pulled(a_source(folder, USAGE), "usage"))
    rows = pl.read_csv(folder / "usage.csv", schema_overrides={"account": pl.String}, try_parse_dates=True)
    plain = folder / name.removesuffix(".gz")
    if plain.suffix == ".jsonl":
        rows.write_ndjson(plain)
    elif plain.suffix == ".parquet":
        rows.write_parquet(plain)
    if name.endswith(".gz"):
        (folder / name).write_bytes(gzip.compress(plain.read_bytes()))

    assert facts_of(pulled(a_source(folder, {**USAGE, "path": name}), "usage")) == expected


def test_ids_are_text_with_their_zeros_and_without_a_decimal_point(folder: Path) -> None:
    pl.DataFrame(
        {"account": [7.0, None, 12.5], "day": ["2026-03-01"] * 3, "key": ["007", "08", "9"]}
    ).write_parquet(folder / "ids.parquet")
    stream = {
        **TICKETS,
        "path": "ids.parquet",
        "id": "key",
        "account": "account",
        "observed_at": "",
        "fields": {"opened_at": "day"},
    }

    facts = facts_of(pulled(a_source(folder, stream), "tickets"))

    assert [(fact.source_id, fact.account_key) for fact in facts] == [("007", "7"), ("08", ""), ("9", "12.5")]


def test_several_files_are_one_table(folder: Path) -> None:
    (folder / "u-1.csv").write_text("account,day,clicks\nA,2026-03-01,1\n")
    (folder / "u-2.csv").write_text("account,day,clicks\nA,2026-03-01,2\nB,bad,1\n")
    stream = {**USAGE, "path": "u-?.csv", "metrics": {"clicks": {"column": "clicks", "aggregate": "sum"}}}

    error = problem(folder, stream)
    (folder / "u-2.csv").write_text("account,day,clicks\nA,2026-03-01,2\n")
    facts = facts_of(pulled(a_source(folder, stream), "usage"))

    assert error.path == "u-2.csv row 3, column 'day'"
    assert [fact.value for fact in facts] == [3.0]


def test_a_byte_order_mark_foreign_signs_and_blank_lines_are_read(folder: Path) -> None:
    (folder / "usage.csv").write_bytes(
        b"\xef\xbb\xbfaccount;day;clicks\r\n A ;28.03.2026;1,5\r\n\r\nA;28.03.2026;-2\r\n"
    )
    stream = {
        **USAGE,
        "delimiter": ";",
        "decimal": ",",
        "format": "%d.%m.%Y",
        "metrics": {"clicks": {"column": "clicks", "aggregate": "sum"}},
    }

    (fact,) = facts_of(pulled(a_source(folder, stream), "usage"))

    assert (fact.account_key, fact.value) == ("A", -0.5)


def test_raw_events_are_counted_on_their_local_day(folder: Path) -> None:
    (folder / "usage.csv").write_text(
        "account,day\nA,2026-03-01T22:59:59Z\nA,2026-03-01T23:00:00Z\nA,2026-03-01 23:59:59\n"
    )
    stream = {**USAGE, "metrics": {"events": {"aggregate": "count"}}}

    facts = facts_of(pulled(a_source(folder, stream), "usage"))

    assert [(fact.source_id, fact.value) for fact in facts] == [
        ("A|events|2026-03-01", 2.0),
        ("A|events|2026-03-02", 1.0),
    ]


def test_where_chooses_rows(folder: Path) -> None:
    one = a_source(folder, {**USAGE, "where": {"feature": "exports"}})
    either = a_source(folder, {**USAGE, "where": {"feature": ["exports", "reports"], "account": "A-2"}})

    assert {fact.value for fact in facts_of(pulled(one, "usage")) if fact.metric == "clicks"} == {4.0}
    assert {fact.account_key for fact in facts_of(pulled(either, "usage"))} == {"A-2"}


def test_pages_hold_at_most_five_thousand_facts(folder: Path) -> None:
    lines = [f"A{n},2026-03-01,1\n" for n in range(10_000)]
    (folder / "usage.csv").write_text("account,day,clicks\n" + "".join(lines))
    stream = {**USAGE, "metrics": {"clicks": {"column": "clicks", "aggregate": "sum"}}}

    pages = pulled(a_source(folder, stream), "usage")

    assert [(len(page.facts), page.last) for page in pages] == [(5_000, False), (5_000, True)]


# --- what is refused -------------------------------------------------------------------------------


def test_all_missing_columns_are_named_at_once_with_those_there_are(folder: Path) -> None:
    error = problem(folder, {**USAGE, "account": "customer", "date": "when"})

    assert error.path == "usage.csv"
    assert error.detail == (
        "no column 'customer', 'when'; it has 'account', 'day', 'feature', 'clicks', 'note'"
    )


def test_check_says_for_each_stream_what_is_wrong(folder: Path) -> None:
    results = a_source(folder, USAGE, {**TICKETS, "path": "gone.jsonl"}).check()

    assert [(result.subject, result.ok, result.detail) for result in results] == [
        ("usage", True, "1 file(s), 4 rows"),
        ("tickets", False, "gone.jsonl: there is no such file"),
    ]


@pytest.mark.parametrize(
    "content", ["", "\n", "account,day,feature,clicks\n", "account,day,feature,clicks\n\n"]
)
def test_an_empty_file_is_an_error(folder: Path, content: str) -> None:
    (folder / "usage.csv").write_text(content)

    with pytest.raises(PayloadError):
        pulled(a_source(folder, USAGE), "usage")


def test_an_empty_file_of_json_lines_is_an_error(folder: Path) -> None:
    (folder / "tickets.jsonl").write_text("\n")

    assert "no rows" in problem(folder, TICKETS).detail


@pytest.mark.parametrize(
    "cell, column",
    [("many", "clicks"), ("nan", "clicks"), ("1_000", "clicks"), ("inf", "clicks"), ("1.000,5", "clicks")],
)
def test_a_value_that_is_no_number_is_refused_without_showing_it(
    folder: Path, cell: str, column: str
) -> None:
    with (folder / "usage.csv").open("a") as export:
        export.write(f'A-9,2026-03-29,reports,"{cell}",\n')

    error = problem(folder, USAGE)

    assert error.path == f"usage.csv row 6, column '{column}'"
    assert error.detail == "is not a number"


def test_the_first_offending_rows_are_named_and_the_others_counted(folder: Path) -> None:
    with (folder / "usage.csv").open("a") as export:
        export.write("A,2026-02-30,reports,1,\n" * 5)

    assert problem(folder, USAGE).path == (
        "usage.csv row 6, usage.csv row 7, usage.csv row 8 and 2 more, column 'day'"
    )


def test_a_number_without_an_account_is_refused(folder: Path) -> None:
    with (folder / "usage.csv").open("a") as export:
        export.write(",2026-03-29,reports,1,\n")

    assert problem(folder, USAGE).path == "usage.csv row 6, column 'account'"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "9999-12-31T23:30:00-05:00"])
def test_a_day_at_an_end_of_the_calendar_is_refused_with_its_place(folder: Path, day: str) -> None:
    (folder / "usage.csv").write_text(f"account,day,feature,clicks\nA,2026-03-01,x,1\nB,{day},x,1\n")

    error = problem(folder, USAGE)

    assert (error.path, error.detail) == ("usage.csv row 3, column 'day'", "is not a date")


@pytest.mark.parametrize("path", ["/", ".", "..", "", "//", "**usage", "***.csv"])
def test_a_path_that_can_name_no_file_is_refused(folder: Path, path: str) -> None:
    source = a_source(folder, {**USAGE, "path": path})

    error = problem(folder, {**USAGE, "path": path})

    assert error.path == path
    assert [result.ok for result in source.check()] == [False]


def test_a_record_that_comes_twice_is_refused(folder: Path) -> None:
    content = (folder / "tickets.jsonl").read_text()
    (folder / "tickets.jsonl").write_text(content + content.splitlines()[0] + "\n")

    error = problem(folder, TICKETS)

    assert error.path == "tickets.jsonl row 1, tickets.jsonl row 5, column 'id'"
    assert "more than once" in error.detail


def test_a_day_that_comes_twice_is_refused_where_one_row_is_declared(folder: Path) -> None:
    stream = {**USAGE, "metrics": {"clicks": {"column": "clicks", "aggregate": "single"}}}

    assert "same account and day" in problem(folder, stream).detail


def test_a_category_without_a_meaning_is_refused_and_named(folder: Path) -> None:
    fields = {**TICKETS["fields"], "severity": {"column": "prio", "map": {"P1": "urgent"}}}

    error = problem(folder, {**TICKETS, "fields": fields})

    assert error.detail == "is not one of urgent, high, normal, low (map says what their values mean): 'P3'"


def test_a_rating_beyond_its_range_is_refused(folder: Path) -> None:
    error = problem(folder, {**TICKETS, "fields": {"rating": "stars"}})

    assert error.detail == "is not a number from 0 to 1 (scale converts)"


def test_a_declared_sentinel_means_none(folder: Path) -> None:
    (folder / "tickets.jsonl").write_text('{"id": "1", "customer": "A", "opened": "9999-12-31"}\n')
    fields = {"opened_at": {"column": "opened", "map": {"9999-12-31": ""}}}

    with pytest.raises(PayloadError):
        pulled(a_source(folder, {**TICKETS, "observed_at": "", "fields": {"opened_at": "opened"}}), "tickets")
    (fact,) = facts_of(pulled(a_source(folder, {**TICKETS, "observed_at": "", "fields": fields}), "tickets"))

    assert fact.body == {"opened_at": None}


@pytest.mark.parametrize("name", ["usage.csv.gz", "usage.jsonl.gz", "usage.parquet", "usage.parquet.gz"])
def test_a_cut_archive_is_refused(folder: Path, name: str) -> None:
    rows = pl.read_csv(folder / "usage.csv", infer_schema=False)
    plain = folder / name.removesuffix(".gz")
    if plain.suffix == ".parquet":
        rows.write_parquet(plain)
    else:
        rows.write_ndjson(folder / "usage.jsonl")
    content = gzip.compress(plain.read_bytes()) if name.endswith(".gz") else plain.read_bytes()
    (folder / name).write_bytes(content[: len(content) - 9])

    with pytest.raises(PayloadError):
        pulled(a_source(folder, {**USAGE, "path": name}), "usage")


@pytest.mark.parametrize(
    "content",
    [
        b"account,day,feature,clicks\nA,2026-03-01,x,1,surplus\n",
        b'account,day,feature,clicks\nA,2026-03-01,"x,1\n',
        b"account,day,feature,clicks\nA,2026-03-01,\xff\xfe,1\n",
        b"account,day,feature,clicks,clicks\nA,2026-03-01,x,1,2\n",
    ],
)
def test_a_broken_csv_is_refused(folder: Path, content: bytes) -> None:
    (folder / "usage.csv").write_bytes(content)

    with pytest.raises(PayloadError):
        pulled(a_source(folder, USAGE), "usage")


@pytest.mark.parametrize(
    "line", ['{"id": "9", "customer": ', "[1]", '{"id": {"n": 1}, "opened": "2026-03-01"}']
)
def test_a_broken_line_of_json_is_named(folder: Path, line: str) -> None:
    with (folder / "tickets.jsonl").open("a") as export:
        export.write(line)

    assert problem(folder, TICKETS).path.startswith("tickets.jsonl row 5")


def test_another_kind_of_file_is_refused(folder: Path) -> None:
    (folder / "usage.xlsx").write_bytes(b"PK")

    assert ".csv" in problem(folder, {**USAGE, "path": "usage.xlsx"}).detail


@pytest.mark.parametrize("age", [-3.0, 0.0, 3.0])
def test_a_file_that_may_still_be_written_is_left_for_later(folder: Path, age: float) -> None:
    time = FakeTime()
    at = time.wall_clock().timestamp() - age
    os.utime(folder / "usage.csv", (at, at))
    source = a_source(a_context(folder, time=time), USAGE, settle=5)

    with pytest.raises(TransientError) as caught:
        pulled(source, "usage")
    assert caught.value.retry_after_seconds == pytest.approx(5 - abs(age), abs=0.01)

    time.sleep(10)
    assert pulled(source, "usage")[-1].last


def test_a_simulated_moment_does_not_make_a_file_look_young(folder: Path) -> None:
    time = FakeTime()
    long_ago = (time.wall_clock() - timedelta(hours=1)).timestamp()
    os.utime(folder / "usage.csv", (long_ago, long_ago))
    source = a_source(a_context(folder, time=time), USAGE, settle=5)

    pages = pulled(source, "usage", now=datetime.fromtimestamp(long_ago, tz=UTC))

    assert pages[-1].last


def test_a_file_replaced_while_it_is_read_is_left_for_later(folder: Path) -> None:
    class Replacing(FakeTime):
        """Replaces the export as soon as its age has been looked at."""

        def wall_clock(self) -> datetime:
            (folder / "usage.csv").write_text(
                "account,day,feature,clicks\nA,2026-03-01,x,1\nB,2026-03-01,x,1\n"
            )
            return super().wall_clock()

    source = a_source(a_context(folder, time=Replacing()), USAGE)

    with pytest.raises(TransientError, match="changed while it was read"):
        pulled(source, "usage")


@pytest.mark.parametrize(
    "error, ours", [(PermissionError(13, "no"), CredentialsError), (OSError(5, "I/O"), TransientError)]
)
def test_what_the_disk_raises_is_translated(folder: Path, error: OSError, ours: type[CrmhealthError]) -> None:
    class Failing(FakeTime):
        """Fails while the connector looks at a file."""

        def wall_clock(self) -> datetime:
            raise error

    with pytest.raises(ours):
        pulled(a_source(a_context(folder, time=Failing()), USAGE), "usage")


# --- what an admin may write -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "stream, complaint",
    [
        ({**USAGE, "colour": "red"}, "colour"),
        ({**USAGE, "metrics": {}}, "metrics"),
        ({**USAGE, "metrics": {"x": {"aggregate": "sum"}}}, "needs a column"),
        ({**USAGE, "metrics": {"x": {"aggregate": "median", "column": "clicks"}}}, "aggregate"),
        ({**USAGE, "topic": "tickets"}, 'write kind = "records"'),
        ({**USAGE, "delimiter": ""}, "delimiter"),
        ({**TICKETS, "topic": "usage"}, "topic"),
        ({**TICKETS, "kind": "rows"}, "kind"),
        ({**TICKETS, "observed_at": "", "known": "observed"}, "needs the column observed_at"),
        (
            {**TICKETS, "fields": {"opened": "x", "mood": "y"}},
            "fields.opened: no such field.*fields.mood: no such",
        ),
        ({**TICKETS, "fields": {"severity": {"column": "p", "map": {"a": "huge"}}}}, "'huge' is not one of"),
        ({**TICKETS, "fields": {"severity": {"default": "huge"}}}, "'huge' is not one of"),
        ({**TICKETS, "fields": {"rating": {"column": "p", "default": 3.0}}}, "3.0 is not a number from 0"),
        ({**TICKETS, "fields": {"status": {"column": "p", "scale": 2.0}}}, "scale is for numbers"),
        ({**TICKETS, "fields": {"status": {"column": "p", "day": "end"}}}, "format and day are for times"),
        ({**TICKETS, "fields": {"status": {}}}, "needs a column, or a default"),
        ({**TICKETS, "fields": {"opened_at": {"default": "2026-01-01"}}}, "is not a date or time"),
    ],
)
def test_a_mapping_that_could_not_work_is_refused(stream: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){complaint}"):
        FilesSettings.model_validate({"streams": [stream]})


def test_two_streams_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="more than one stream is called 'usage'"):
        FilesSettings.model_validate({"streams": [USAGE, USAGE]})


def test_a_field_may_say_which_end_of_its_day_it_means(folder: Path) -> None:
    (folder / "tickets.jsonl").write_text('{"id": "1", "customer": "A", "opened": "2026-03-01"}\n')
    fields = {"opened_at": {"column": "opened", "day": "start"}, "closed_at": "opened"}

    (fact,) = facts_of(pulled(a_source(folder, {**TICKETS, "fields": fields}), "tickets"))

    assert fact.body == {"opened_at": "2026-02-28T23:00:00+00:00", "closed_at": "2026-03-01T23:00:00+00:00"}


def test_a_contract_date_is_the_start_of_its_day(folder: Path) -> None:
    (folder / "subs.csv").write_text("id,start,renewal\n1,2026-01-01,2027-01-01\n")
    stream = {
        "name": "subscriptions",
        "path": "subs.csv",
        "kind": "records",
        "topic": "subscriptions",
        "id": "id",
        "account": "id",
        "fields": {"started_at": "start", "renewal_at": "renewal"},
    }

    (fact,) = facts_of(pulled(a_source(folder, stream), "subscriptions"))

    assert fact.body == {
        "started_at": "2025-12-31T23:00:00+00:00",
        "renewal_at": "2026-12-31T23:00:00+00:00",
    }


@pytest.mark.skipif(
    not (SHARED / "data" / "oulad").is_dir(), reason="the OULAD data is not beside the checkout"
)
def test_real_usage_of_a_university_adds_up() -> None:
    inputs = SHARED / "data" / "oulad" / "dev" / "inputs"
    stream = {
        **USAGE,
        "path": "usage_daily.csv.gz",
        "account": "account_id",
        "date": "date",
        "metrics": {"clicks": {"column": "count", "aggregate": "sum"}},
    }
    with gzip.open(inputs / "usage_daily.csv.gz", "rt") as lines:
        clicks = sum(int(line.split(",")[3]) for number, line in enumerate(lines) if number)
    source = Files(
        settings=FilesSettings.model_validate({"streams": [stream]}),
        context=replace(a_context(inputs), wall_clock=lambda: datetime.now(UTC)),
    )

    facts = facts_of(pulled(source, "usage"))

    assert sum(fact.value or 0 for fact in facts) == clicks
    assert len({fact.source_id for fact in facts}) == len(facts)
