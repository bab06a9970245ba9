"""What every connector must do, whatever system it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from connectors import Connector, ConnectorType, Page, Since, load
from scoring.errors import CrmhealthError
from scoring.model import TOPICS, Fact, JsonValue

KINDS: Mapping[str, type | tuple[type, ...]] = {"text": str, "number": (int, float), "bool": bool}


@dataclass(frozen=True)
class Scenario:
    """A connector on a system with something in every stream, and a way to break that system."""

    type: str
    connector: Connector
    break_down: Callable[[], None]
    """From now on the system fails somewhere in the middle of every pull."""
    now: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def pull(self, stream: str, cursor: str | None = None) -> list[Page]:
        """Pull a stream to its end."""
        return list(self.connector.pull(stream, Since(cursor=cursor, now=self.now)))


class ConnectorContract:
    """Subclass it with a fixture `scenario`."""

    def test_every_setting_is_described_and_unknown_ones_are_refused(self, scenario: Scenario) -> None:
        connector_type: ConnectorType = load(scenario.type)

        schema = connector_type.Settings.model_json_schema()

        models = [schema, *schema.get("$defs", {}).values()]
        undescribed = [
            f"{model['title']}.{name}"
            for model in models
            for name, setting in model.get("properties", {}).items()
            if not setting.get("description")
        ]
        assert undescribed == []
        assert all(model.get("additionalProperties") is False for model in models if "properties" in model)
        assert issubclass(connector_type.Settings, BaseModel)
        assert connector_type.Settings.model_config.get("frozen") is True

    def test_streams_have_names_of_their_own(self, scenario: Scenario) -> None:
        names = [stream.name for stream in scenario.connector.streams()]

        assert names
        assert len(names) == len(set(names))

    def test_check_finds_every_stream_well(self, scenario: Scenario) -> None:
        results = scenario.connector.check()

        assert {result.subject for result in results} == {
            stream.name for stream in scenario.connector.streams()
        }
        assert [result for result in results if not result.ok] == []

    def test_a_pull_ends_with_its_only_last_page(self, scenario: Scenario) -> None:
        for stream in scenario.connector.streams():
            pages = scenario.pull(stream.name)

            assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True], stream.name
            assert any(page.facts or page.accounts for page in pages), stream.name

    def test_facts_are_of_the_topic_of_their_stream(self, scenario: Scenario) -> None:
        for stream in scenario.connector.streams():
            for page in scenario.pull(stream.name):
                for fact in page.facts:
                    assert fact.topic == stream.topic
                    assert problems_of(fact) == []

    def test_a_fact_and_version_comes_once_in_a_pull(self, scenario: Scenario) -> None:
        for stream in scenario.connector.streams():
            facts = [fact for page in scenario.pull(stream.name) for fact in page.facts]

            assert len({(fact.source_id, fact.source_version) for fact in facts}) == len(facts), stream.name

    def test_pulling_again_from_the_start_gives_the_same(self, scenario: Scenario) -> None:
        for stream in scenario.connector.streams():
            assert scenario.pull(stream.name) == scenario.pull(stream.name), stream.name

    def test_a_pull_goes_on_from_the_last_cursor(self, scenario: Scenario) -> None:
        for stream in scenario.connector.streams():
            first = scenario.pull(stream.name)
            known = {fact for page in first for fact in map(identity, page.facts)}

            again = scenario.pull(stream.name, cursor=first[-1].cursor)

            assert again[-1].last, stream.name
            assert {fact for page in again for fact in map(identity, page.facts)} <= known, stream.name

    def test_only_windows_have_a_start(self, scenario: Scenario) -> None:
        for stream in scenario.connector.streams():
            starts = {page.window_start for page in scenario.pull(stream.name)}

            if stream.mode == "window":
                (start,) = starts
                assert start is not None
                assert start.utcoffset() == timedelta(0)
                assert start <= scenario.now
            else:
                assert starts == {None}, stream.name

    def test_a_pull_that_breaks_has_no_last_page(self, scenario: Scenario) -> None:
        scenario.break_down()
        since = Since(cursor=None, now=scenario.now)

        for stream in scenario.connector.streams():
            pages: list[Page] = []
            with pytest.raises(CrmhealthError):
                pages.extend(scenario.connector.pull(stream.name, since))
            assert not any(page.last for page in pages), stream.name

    def test_close_can_be_called_twice(self, scenario: Scenario) -> None:
        scenario.connector.close()
        scenario.connector.close()


def identity(fact: Fact) -> tuple[str, int]:
    """Return what names one version of a fact."""
    return fact.source_id, fact.source_version


def fits(value: JsonValue, kind: str) -> bool:
    """Say whether a value may stand in a field of this kind."""
    if kind == "instant":
        return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() == timedelta(0)
    return isinstance(value, KINDS[kind])


def problems_of(fact: Fact) -> list[str]:
    """Say what a store could not keep or a metric could not read."""
    instants = [instant for instant in (fact.observed_at, fact.known_at) if instant is not None]
    found = [f"{instant} is not UTC" for instant in instants if instant.utcoffset() != timedelta(0)]
    if not fact.source_id:
        found.append("no source_id")
    if fact.topic not in TOPICS:
        if not fact.metric or fact.value is None or fact.body is not None or not fact.account_key:
            found.append(f"not a number: {fact}")
        return found
    if fact.metric or fact.value is not None:
        found.append(f"not a record: {fact}")
    if fact.body is None:
        return found if fact.deleted else [*found, "no body"]
    for name, value in fact.body.items():
        kind = TOPICS[fact.topic].get(name)
        if kind is None:
            found.append(f"no field {name}")
        elif value is not None and not fits(value, kind):
            found.append(f"{name} is {value!r}")
    if fact.body.get("severity") not in (None, "urgent", "high", "normal", "low"):
        found.append(f"severity is {fact.body['severity']!r}")
    return found
