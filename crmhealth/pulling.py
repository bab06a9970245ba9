"""Pull: the account book of every CRM, then every source, into facts; then who is who.

A page and its cursor are stored in one transaction. A source that fails, or whose listing collapsed, keeps
its last good facts and is said to be down, once when it goes and once when it is back.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from connectors import Connector, Page, Since, Stream
from connectors.crm._base import BookRecord, CrmSession
from crmhealth import book
from crmhealth.matching import match_source
from crmhealth.settings import CrmSettings, Settings
from scoring.errors import CredentialsError, PayloadError, RejectedError, StateError, TransientError
from scoring.model import Fact, SourceAccount
from state import accounts as stored_accounts
from state import facts as stored_facts
from state import recall
from state import records as stored_records
from state.database import Database
from state.records import Reading
from sync.guard import collapsed

log = structlog.get_logger()

BOOK_PAGE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPull:
    """How the pull of one stream ended. `failure` is None when it is complete."""

    source: str
    stream: str
    facts: int
    changed: int
    failure: str | None = None
    unreachable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """How a whole pull ended."""

    streams: tuple[StreamPull, ...]

    @property
    def failed(self) -> tuple[StreamPull, ...]:
        return tuple(stream for stream in self.streams if stream.failure is not None)


class Puller:
    """Pulls everything that is configured into one database."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        sessions: Mapping[str, CrmSession],
        sources: Mapping[str, Connector],
        progress: Callable[[str], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._database = database
        self._sessions = sessions
        self._sources = sources
        self._progress = progress
        self._stopped = stopped

    def pull(self, now: datetime) -> PullReport:
        """Read every CRM's account book and every source as of `now`."""
        with self._database.reading() as connection:
            before = recall.readings(connection, now)
        were_down = {reading.source for reading in before if reading.down}
        master_first = sorted(self._settings.crms, key=lambda item: not item.table.master)
        done = [self._pull_book(crm, now) for crm in master_first]
        for source in self._settings.sources:
            connector = self._sources[source.name]
            done += [
                self._pull_stream(source.name, stream, _pages(connector, stream, now), now)
                for stream in connector.streams()
                if not self._stopped()
            ]
        self._match(now)
        _announce(done, were_down)
        return PullReport(streams=tuple(done))

    # --- the account book ----------------------------------------------------------------------------

    def _pull_book(self, crm: CrmSettings, now: datetime) -> StreamPull:
        seen: list[tuple[str, dict[str, Any]]] = []
        stream = Stream(name=book.STREAM, topic=book.TOPIC, mode="snapshot")

        def pages(_since: Since) -> Iterator[Page]:
            session = self._sessions[crm.name]
            for records in session.read_book(read=crm.table.read, written=list(crm.table.write)):
                seen.extend((record.crm_id, book.shown(crm, record)) for record in records)
                yield _book_page(crm, records, now)
            yield Page(last=True)

        pulled = self._pull_stream(crm.name, stream, pages, now)
        if pulled.failure is None:
            self._after_book(crm, seen, now)
        return pulled

    def _after_book(
        self, crm: CrmSettings, seen: Sequence[tuple[str, dict[str, Any]]], now: datetime
    ) -> None:
        with self._database.transaction() as connection:
            if crm.table.master:
                stored_accounts.link_master(connection, crm.name, [crm_id for crm_id, _ in seen], now)
            else:
                accounts = book.load(connection, self._settings.master, now)
                match_source(connection, crm.name, crm.table.match, accounts, now)
            links = stored_accounts.links(connection, crm.name)
            stored_records.remember_reading(
                connection,
                crm.name,
                (
                    Reading(crm_id=crm_id, account_id=links[crm_id], values=values)
                    for crm_id, values in seen
                    if crm_id in links
                ),
                now,
            )

    # --- sources -------------------------------------------------------------------------------------

    def _pull_stream(
        self, source: str, stream: Stream, pages: Callable[[Since], Iterable[Page]], now: datetime
    ) -> StreamPull:
        with self._database.transaction() as connection:
            known = stored_facts.open_stream(
                connection, source=source, name=stream.name, topic=stream.topic, mode=stream.mode
            )
            pull_id = stored_facts.begin_pull(connection, known.stream_id, now)
        self._progress(f"{source}.{stream.name}")
        pulling = _StreamPulling(
            database=self._database,
            source=source,
            stream=stream,
            stream_id=known.stream_id,
            pull_id=pull_id,
            last_count=known.last_count,
            now=now,
        )
        try:
            return pulling.run(pages(Since(cursor=known.cursor, now=now)), self._stopped)
        except StateError:
            raise
        except (CredentialsError, PayloadError, RejectedError, TransientError) as exc:
            return pulling.failed(str(exc), unreachable=not isinstance(exc, PayloadError))
        except Exception as exc:  # one source's surprise must not cost the others their pull
            log.exception("pull_crashed", source=source, stream=stream.name)
            return pulling.failed(f"unexpected {type(exc).__name__}; the log has the details")

    # --- who is who ----------------------------------------------------------------------------------

    def _match(self, now: datetime) -> None:
        with self._database.transaction() as connection:
            accounts = book.load(connection, self._settings.master, now)
            for source in self._settings.sources:
                match_source(connection, source.name, source.match, accounts, now)


@dataclass(slots=True, kw_only=True)
class _StreamPulling:
    """One pull of one stream under way."""

    database: Database
    source: str
    stream: Stream
    stream_id: int
    pull_id: int
    last_count: int | None
    now: datetime
    facts: int = 0
    changed: int = 0

    def run(self, pages: Iterable[Page], stopped: Callable[[], bool]) -> StreamPull:
        for page in pages:
            if page.last:
                return self._complete(page)
            self._store(page.facts, page.accounts, page.cursor)
            if stopped():
                return self.failed("stopped")
        return self.failed("the source ended without a last page")

    def failed(self, reason: str, *, unreachable: bool = False) -> StreamPull:
        with self.database.transaction() as connection:
            stored_facts.fail_pull(
                connection, stream_id=self.stream_id, pull_id=self.pull_id, failure=reason, now=self.now
            )
        return self._report(failure=reason, unreachable=unreachable)

    def _store(self, facts: Sequence[Fact], accounts: Sequence[SourceAccount], cursor: str | None) -> None:
        self.facts += len(facts)
        with self.database.transaction() as connection:
            self._store_on(connection, facts, accounts, cursor)

    def _store_on(
        self, connection: Any, facts: Sequence[Fact], accounts: Sequence[SourceAccount], cursor: str | None
    ) -> None:
        if self.stream.mode == "cursor":
            self.changed += stored_facts.store_cursor_page(
                connection,
                stream_id=self.stream_id,
                pull_id=self.pull_id,
                source=self.source,
                facts=facts,
                accounts=accounts,
                cursor=cursor,
                now=self.now,
            )
        else:
            stored_facts.store_page(
                connection,
                stream_id=self.stream_id,
                pull_id=self.pull_id,
                source=self.source,
                facts=facts,
                accounts=accounts,
                now=self.now,
            )

    def _complete(self, page: Page) -> StreamPull:
        """Store the last page and make the pull count, in one transaction, unless the listing collapsed."""
        self.facts += len(page.facts)
        with self.database.transaction() as connection:
            self._store_on(connection, page.facts, page.accounts, page.cursor)
            delivered = stored_facts.waiting_count(connection, self.stream_id)
            if (
                self.stream.mode == "snapshot"
                and not page.unchanged
                and collapsed(self.last_count, delivered)
            ):
                reason = f"delivered {delivered} records, {self.last_count} the time before"
                stored_facts.fail_pull(
                    connection,
                    stream_id=self.stream_id,
                    pull_id=self.pull_id,
                    failure=reason,
                    now=self.now,
                    expected=self.last_count,
                    delivered=delivered,
                )
                return self._report(failure=reason)
            self.changed += stored_facts.complete_pull(
                connection,
                stream_id=self.stream_id,
                pull_id=self.pull_id,
                mode=self.stream.mode,
                cursor=page.cursor,
                now=self.now,
                unchanged=page.unchanged,
                window_start=page.window_start,
            )
        return self._report()

    def _report(
        self,
        *,
        failure: str | None = None,
        unreachable: bool = False,
    ) -> StreamPull:
        return StreamPull(
            source=self.source,
            stream=self.stream.name,
            facts=self.facts,
            changed=self.changed,
            failure=failure,
            unreachable=unreachable,
        )


def _announce(pulls: Sequence[StreamPull], were_down: Collection[str]) -> None:
    """Log once when a system becomes unavailable and once when it is back, not at every pull."""
    for source in dict.fromkeys(pull.source for pull in pulls):
        failed = [pull for pull in pulls if pull.source == source and pull.failure is not None]
        if failed and source not in were_down:
            streams = [pull.stream for pull in failed]
            log.warning("source_went_down", source=source, streams=streams, reason=failed[0].failure)
        elif not failed and source in were_down:
            log.info("source_came_back", source=source)


def _pages(connector: Connector, stream: Stream, now: datetime) -> Callable[[Since], Iterable[Page]]:
    return lambda since: connector.pull(stream.name, since)


def _book_page(crm: CrmSettings, records: Sequence[BookRecord], now: datetime) -> Page:
    described = [] if crm.table.master else book.source_accounts(records, crm.table.match.own_field)
    return Page(facts=book.facts(records, now), accounts=described)
