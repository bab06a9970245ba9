"""Decides which account of ours each account of a source is. Pure.

Five rules, in this order; the first that hits decides: what an admin wrote, the CRM id that the source
holds, the source id that the CRM holds, what was decided before, and a domain that exactly one account
claims. An account that several of ours fit is listed as ambiguous, one that none fits as unmatched.

It refuses to guess: names never match, mail providers' domains never match, and a rule that finds two
accounts ends the search instead of leaving it to a weaker rule.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from connectors._domains import is_free_mail, registrable_domain
from scoring.model import Account, SourceAccount

Method: TypeAlias = Literal["manual", "external_id", "source_id", "previous", "domain"]
IGNORE = "ignore"
"""What an admin writes instead of an account, for one that is no customer."""

CASE_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
"""The last three characters of a Salesforce id say which of the others are capitals, five bits each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRules:
    """How the accounts of one source are matched."""

    manual: Mapping[str, str] = field(default_factory=dict)
    """Account key of the source -> our account id, a CRM id, or "ignore"."""
    external_id_field: str = "crm_id"
    """What the source's external id is compared with: "crm_id", or a name in `Account.fields`."""
    source_id_field: str = ""
    """The name in `Account.fields` that holds the source's account key, or several; empty for none."""
    use_domains: bool = True
    ignore_domains: frozenset[str] = frozenset()
    """Domains that tell nothing: our own, agencies', resellers'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One account of the source is one account of ours."""

    account_key: str
    account_id: str
    method: Method
    evidence: str
    """What was equal, for people: `crm_id 0018d00000ABCdEAAX`, `domain acme.com`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """One account of the source that is not decided, and why."""

    account_key: str
    name: str
    reason: str
    candidates: tuple[str, ...] = ()
    """The account ids that fit, of an ambiguous one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Every account of a source is in exactly one of these, by account key."""

    decisions: tuple[Decision, ...]
    ignored: tuple[str, ...]
    unmatched: tuple[Unresolved, ...]
    ambiguous: tuple[Unresolved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    """The accounts one rule found."""

    method: Method
    evidence: str
    account_ids: tuple[str, ...]


def match(
    source_accounts: Iterable[SourceAccount],
    accounts: Sequence[Account],
    rules: MatchRules,
    previous: Mapping[str, str],
) -> Matches:
    """Match the accounts of one source; `previous` maps account keys to the account ids decided before."""
    book = _Book(accounts, rules)
    decisions: list[Decision] = []
    ignored: list[str] = []
    unmatched: list[Unresolved] = []
    ambiguous: list[Unresolved] = []
    for source in sorted(source_accounts, key=lambda source: source.account_key):
        key = source.account_key
        if rules.manual.get(key) == IGNORE:
            ignored.append(key)
            continue
        hit = next(book.hits(source, previous.get(key, "")), None)
        if hit is None or not hit.account_ids:
            reason = hit.evidence if hit else book.why_none(source)
            unmatched.append(Unresolved(account_key=key, name=source.name, reason=reason))
        elif len(hit.account_ids) > 1:
            reason = f"{len(hit.account_ids)} accounts have {hit.evidence}"
            ambiguous.append(
                Unresolved(account_key=key, name=source.name, reason=reason, candidates=hit.account_ids)
            )
        else:
            (account_id,) = hit.account_ids
            decisions.append(
                Decision(account_key=key, account_id=account_id, method=hit.method, evidence=hit.evidence)
            )
    return Matches(
        decisions=tuple(decisions),
        ignored=tuple(ignored),
        unmatched=tuple(unmatched),
        ambiguous=tuple(ambiguous),
    )


def canonical_id(text: str) -> str:
    """Write a record id in the one form in which it can be compared.

    A Salesforce id of 15 characters is case-sensitive; three more make it safe where case is lost. Both
    become the 18 characters with the right capitals, whatever case they came in. Other ids stay as they are.
    """
    stripped = text.strip()
    if re.fullmatch(r"[A-Za-z0-9]{15}", stripped):
        return stripped + _case_suffix(stripped)
    if re.fullmatch(r"[A-Za-z0-9]{15}[A-Za-z0-5]{3}", stripped):
        restored = _with_case(stripped[:15], stripped[15:].upper())
        if _case_suffix(restored) == stripped[15:].upper():
            return restored + stripped[15:].upper()
    return stripped


def _case_suffix(id15: str) -> str:
    groups = (id15[start : start + 5] for start in (0, 5, 10))
    bits = (sum(1 << n for n, letter in enumerate(group) if letter.isupper()) for group in groups)
    return "".join(CASE_DIGITS[number] for number in bits)


def _with_case(id15: str, suffix: str) -> str:
    bits = [CASE_DIGITS.index(digit) >> n & 1 for digit in suffix for n in range(5)]
    return "".join(letter.upper() if bit else letter.lower() for letter, bit in zip(id15, bits, strict=True))


def _index(accounts: Sequence[Account], values: Callable[[Account], Iterable[str]]) -> dict[str, set[str]]:
    """List the account ids under each of their values."""
    index: dict[str, set[str]] = defaultdict(set)
    for account in accounts:
        for value in values(account):
            index[value].add(account.account_id)
    return index


class _Book:
    """Our accounts, found by everything that may identify them."""

    def __init__(self, accounts: Sequence[Account], rules: MatchRules) -> None:
        self._rules = rules
        self._ids = {account.account_id for account in accounts}
        self._by_crm_id = _index(accounts, lambda account: (canonical_id(account.crm_id),))
        self._by_external_id = _index(accounts, self._external_ids)
        self._by_folded_id = _index(accounts, lambda account: map(str.casefold, self._external_ids(account)))
        self._by_source_id = _index(accounts, self._source_ids)
        self._ignored = {registrable_domain(domain) or domain for domain in rules.ignore_domains}
        self._by_domain = _index(accounts, lambda account: self._telling(account.domains))

    def hits(self, source: SourceAccount, previous: str) -> Iterator[_Hit]:
        """Yield what the rules find, strongest first; a rule that finds nothing yields nothing."""
        manual = self._rules.manual.get(source.account_key)
        if manual is not None:
            yield self._manual(manual)
        if source.external_id:
            yield from self._external(source.external_id)
        if found := self._by_source_id.get(source.account_key):
            evidence = f"{self._rules.source_id_field} {source.account_key}"
            yield _Hit(method="source_id", evidence=evidence, account_ids=tuple(sorted(found)))
        if previous in self._ids:
            yield _Hit(method="previous", evidence="decided before", account_ids=(previous,))
        if self._rules.use_domains:
            yield from self._domain(source.domains)

    def why_none(self, source: SourceAccount) -> str:
        """Say why no rule found anything."""
        if source.domains and self._rules.use_domains:
            telling = tuple(self._telling(source.domains))
            if not telling:
                return f"{', '.join(source.domains)}: not a company's own domain"
            return f"no account has the domain {', '.join(telling)}"
        if source.external_id:
            return f"no account has {self._rules.external_id_field} {source.external_id}"
        return "it has neither an external id nor a domain"

    def _manual(self, target: str) -> _Hit:
        found = {target} if target in self._ids else self._by_crm_id.get(canonical_id(target), set())
        evidence = f"manual mapping to {target}" if found else f"{target}, as mapped by hand, is no account"
        return _Hit(method="manual", evidence=evidence, account_ids=tuple(sorted(found)))

    def _external(self, external_id: str) -> Iterator[_Hit]:
        canonical = canonical_id(external_id)
        found = self._by_external_id.get(canonical)
        # Systems that compare without case also store without it. Where case is part of an id of 15
        # characters, lost case means a different account.
        if not found and len(external_id.strip()) != 15:
            found = self._by_folded_id.get(canonical.casefold())
        if found:
            evidence = f"{self._rules.external_id_field} {canonical}"
            yield _Hit(method="external_id", evidence=evidence, account_ids=tuple(sorted(found)))

    def _domain(self, domains: Iterable[str]) -> Iterator[_Hit]:
        claims = {
            domain: self._by_domain[domain] for domain in self._telling(domains) if domain in self._by_domain
        }
        if claims:
            found = set().union(*claims.values())
            yield _Hit(
                method="domain", evidence=f"domain {', '.join(claims)}", account_ids=tuple(sorted(found))
            )

    def _telling(self, domains: Iterable[str]) -> Iterator[str]:
        """Yield the registrable domains that identify a company."""
        for domain in dict.fromkeys(map(registrable_domain, domains)):
            if domain and not is_free_mail(domain) and domain not in self._ignored:
                yield domain

    def _external_ids(self, account: Account) -> Iterator[str]:
        name = self._rules.external_id_field
        value = account.crm_id if name == "crm_id" else account.fields.get(name)
        if value not in (None, ""):
            yield canonical_id(str(value))

    def _source_ids(self, account: Account) -> Iterator[str]:
        value = account.fields.get(self._rules.source_id_field) if self._rules.source_id_field else None
        if value not in (None, ""):
            yield from filter(None, re.split(r"[;,\s]+", str(value)))
