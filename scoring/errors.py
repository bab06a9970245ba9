"""Every error crmhealth raises on purpose, in one tree.

Branches answer two questions: what happens next, and who acts.

    CrmhealthError
    ├── ConfigError        the file is wrong: the cycle does not start; the admin acts
    ├── TransientError     timeout, 5xx, 429: retried, then this system waits until next time; nobody acts
    │   └── UnansweredError    the request may or may not have been carried out: read back before repeating
    ├── CredentialsError   the login was refused: the system is left alone; the admin acts
    ├── PayloadError       an answer has a shape we do not know: the source is stale; the developers act
    ├── RejectedError      the system refused this one record or request for good; the admin acts
    ├── UnsafePlanError    the guard refused: nothing is written; the admin approves or changes a limit
    └── StateError         the database cannot be trusted: the daemon stops; the admin acts
        └── BusyError          another process works on it: wait until that one is done; nobody acts

Facts are attributes. The sentence for people is made once, in `crmhealth.cli`.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in the configuration, and what would be right.

    `key` is the dotted path in the TOML file (`sources.support.token`), `message` what is wrong,
    `remedy` what to write or run instead.
    """

    key: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why a plan is unsafe, with the number that was measured and the limit it broke."""

    rule: str
    message: str
    measured: float
    limit: float
    setting: str


class CrmhealthError(Exception):
    """Something crmhealth foresaw went wrong."""


class ConfigError(CrmhealthError):
    """The configuration cannot be used; `problems` lists everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s) in the configuration")
        self.problems = tuple(problems)


class TransientError(CrmhealthError):
    """A system did not answer properly this time; the same request may well succeed later.

    `retry_after_seconds` is the wait the system itself asked for, None if it named none.
    """

    def __init__(
        self, system: str, detail: str, *, retry_after_seconds: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(f"{system}: {detail}")
        self.system = system
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.status = status


class UnansweredError(TransientError):
    """A request went out and no usable answer came back: it may have been carried out."""


class CredentialsError(CrmhealthError):
    """A system refused our login or our permissions; nothing more is asked of it."""

    def __init__(self, system: str, detail: str) -> None:
        super().__init__(f"{system}: {detail}")
        self.system = system
        self.detail = detail


class PayloadError(CrmhealthError):
    """A system answered in a shape we do not know; `path` says where in the answer."""

    def __init__(self, system: str, path: str, detail: str) -> None:
        super().__init__(f"{system}: {path}: {detail}")
        self.system = system
        self.path = path
        self.detail = detail


class RejectedError(CrmhealthError):
    """A system refused a request for good, with a code of its own."""

    def __init__(self, system: str, code: str, detail: str, *, field: str | None = None) -> None:
        super().__init__(f"{system}: {code}: {detail}")
        self.system = system
        self.code = code
        self.detail = detail
        self.field = field


class UnsafePlanError(CrmhealthError):
    """The guard refused a plan; `findings` says why, with numbers."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = tuple(findings)


class StateError(CrmhealthError):
    """The state database is missing, locked, too new, too old or damaged."""


class BusyError(StateError):
    """Another crmhealth process is at work on this database; it will be free when that one is done."""
