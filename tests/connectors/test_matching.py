"""Which account of ours an account of a source is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors._domains import email_domain, is_free_mail, registrable_domain
from connectors.matching import Matches, MatchRules, canonical_id, match
from scoring.model import Account, SourceAccount

ACME_ID = "0018d00000ABCdEAAX"
BETA_ID = "0018d00000FghIjAAC"


def an_account(account_id: str, **known: object) -> Account:
    """Make an account of ours."""
    values: dict[str, object] = {"crm_id": f"crm-{account_id}", "name": account_id, **known}
    return Account(account_id=account_id, **values)  # type: ignore[arg-type]


def matched(
    source: SourceAccount, *accounts: Account, rules: MatchRules | None = None, previous: str | None = None
) -> Matches:
    """Match one account of a source."""
    return match(
        [source], accounts, rules or MatchRules(), {source.account_key: previous} if previous else {}
    )


def the_decision(found: Matches) -> tuple[str, str]:
    """Return account and method of the only decision."""
    (decision,) = found.decisions
    return decision.account_id, decision.method


ACME = an_account("acme", crm_id=ACME_ID, domains=("acme.example",), fields={"stripe": "cus_1; cus_2"})
BETA = an_account("beta", crm_id=BETA_ID, domains=("beta.example",))


def test_the_rules_come_in_their_order() -> None:
    source = SourceAccount(account_key="cus_1", external_id=BETA_ID, domains=("gamma.example",))
    gamma = an_account("gamma", domains=("gamma.example",))
    delta = an_account("delta")
    everyone = (ACME, BETA, gamma, delta)
    by_field = MatchRules(source_id_field="stripe")
    bare = SourceAccount(account_key="cus_1", domains=source.domains)

    by_hand = matched(source, *everyone, rules=MatchRules(manual={"cus_1": "delta"}), previous="delta")
    by_external = matched(source, *everyone, rules=by_field, previous="delta")
    by_source_id = matched(bare, *everyone, rules=by_field, previous="delta")
    as_before = matched(bare, *everyone, previous="delta")
    by_domain = matched(bare, *everyone)

    assert the_decision(by_hand) == ("delta", "manual")
    assert the_decision(by_external) == ("beta", "external_id")
    assert the_decision(by_source_id) == ("acme", "source_id")
    assert the_decision(as_before) == ("delta", "previous")
    assert the_decision(by_domain) == ("gamma", "domain")


def test_a_decision_says_what_was_equal() -> None:
    found = matched(SourceAccount(account_key="1", external_id=ACME_ID.lower()), ACME, BETA)

    assert found.decisions[0].evidence == f"crm_id {ACME_ID}"


def test_an_admin_may_name_our_id_or_the_crms_in_either_length() -> None:
    source = SourceAccount(account_key="1")

    for target in ("acme", ACME_ID, ACME_ID[:15], ACME_ID.lower()):
        found = matched(source, ACME, BETA, rules=MatchRules(manual={"1": target}))
        assert the_decision(found) == ("acme", "manual"), target


def test_an_ignored_account_is_in_no_other_list() -> None:
    source = SourceAccount(account_key="1", external_id=ACME_ID)

    found = matched(source, ACME, rules=MatchRules(manual={"1": "ignore"}))

    assert found == Matches(decisions=(), ignored=("1",), unmatched=(), ambiguous=())


def test_a_mapping_by_hand_to_nobody_is_listed_and_not_replaced_by_a_weaker_rule() -> None:
    source = SourceAccount(account_key="1", external_id=ACME_ID, domains=("acme.example",))

    found = matched(source, ACME, rules=MatchRules(manual={"1": "gone"}))

    assert found.decisions == ()
    assert found.unmatched[0].reason == "gone, as mapped by hand, is no account"


def test_an_external_id_may_be_compared_with_any_field_and_without_case() -> None:
    account = an_account("acme", fields={"key": "ACME-1"})
    rules = MatchRules(external_id_field="key")

    exact = matched(SourceAccount(account_key="1", external_id="ACME-1"), account, rules=rules)
    folded = matched(SourceAccount(account_key="1", external_id=" acme-1 "), account, rules=rules)

    assert the_decision(exact) == the_decision(folded) == ("acme", "external_id")


def test_case_decides_between_two_that_differ_in_nothing_else() -> None:
    upper, lower = (an_account(name, fields={"key": name}) for name in ("KEY-1", "key-1"))
    rules = MatchRules(external_id_field="key")

    exact = matched(SourceAccount(account_key="1", external_id="key-1"), upper, lower, rules=rules)
    neither = matched(SourceAccount(account_key="1", external_id="Key-1"), upper, lower, rules=rules)

    assert the_decision(exact) == ("key-1", "external_id")
    assert neither.ambiguous[0].candidates == ("KEY-1", "key-1")


def test_a_short_salesforce_id_that_lost_its_case_matches_nobody() -> None:
    found = matched(SourceAccount(account_key="1", external_id=ACME_ID[:15].lower()), ACME)

    assert found.decisions == ()
    assert len(found.unmatched) == 1


def test_an_external_id_that_two_accounts_have_is_ambiguous_whatever_the_domain_says() -> None:
    twins = [an_account(name, fields={"key": "K"}) for name in ("one", "two")]
    third = an_account("three", domains=("acme.example",))
    source = SourceAccount(account_key="1", name="Acme", external_id="K", domains=("acme.example",))

    found = matched(source, *twins, third, rules=MatchRules(external_id_field="key"), previous="three")

    assert found.decisions == ()
    assert found.ambiguous[0].candidates == ("one", "two")
    assert found.ambiguous[0].reason == "2 accounts have key K"


def test_one_account_may_hold_several_source_ids() -> None:
    for key in ("cus_1", "cus_2"):
        found = matched(SourceAccount(account_key=key), ACME, rules=MatchRules(source_id_field="stripe"))
        assert the_decision(found) == ("acme", "source_id")


def test_a_decision_stays_when_domains_change_and_falls_with_its_account() -> None:
    source = SourceAccount(account_key="1", domains=("beta.example",))

    assert the_decision(matched(source, ACME, BETA, previous="acme")) == ("acme", "previous")
    assert the_decision(matched(source, BETA, previous="acme")) == ("beta", "domain")


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("mail.acme.co.uk", "https://www.acme.co.uk/contact"),
        ("MÜLLER.example", "xn--mller-kva.example"),
        ("acme.example.", "ACME.example"),
    ],
)
def test_domains_are_equal_where_the_registered_one_is(theirs: str, ours: str) -> None:
    found = matched(SourceAccount(account_key="1", domains=(theirs,)), an_account("a", domains=(ours,)))

    assert the_decision(found) == ("a", "domain")


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("acme.de", "acme.com"),
        ("one.github.io", "two.github.io"),
        ("gmail.com", "gmail.com"),
        ("yahoo.co.jp", "yahoo.co.jp"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("10.0.0.1", "10.0.0.1"),
        ("", ""),
    ],
)
def test_domains_that_tell_nothing_match_nobody(theirs: str, ours: str) -> None:
    found = matched(SourceAccount(account_key="1", domains=(theirs,)), an_account("a", domains=(ours,)))

    assert found.decisions == ()
    assert len(found.unmatched) == 1


def test_domains_may_be_excluded_or_switched_off() -> None:
    source = SourceAccount(account_key="1", domains=("mail.acme.example",))

    for rules in (MatchRules(ignore_domains=frozenset({"www.acme.example"})), MatchRules(use_domains=False)):
        assert matched(source, ACME, rules=rules).decisions == ()


def test_a_domain_that_two_accounts_claim_is_ambiguous() -> None:
    parent, child = (an_account(name, domains=("acme.example",)) for name in ("parent", "child"))

    found = matched(SourceAccount(account_key="1", name="Acme", domains=("acme.example",)), parent, child)

    assert found.ambiguous[0].candidates == ("child", "parent")
    assert found.ambiguous[0].reason == "2 accounts have domain acme.example"


def test_two_domains_of_two_accounts_are_ambiguous_and_of_one_are_not() -> None:
    both = SourceAccount(account_key="1", domains=("acme.example", "beta.example"))
    one = SourceAccount(account_key="1", domains=("acme.example", "gmail.com", "unknown.example"))

    assert matched(both, ACME, BETA).ambiguous[0].candidates == ("acme", "beta")
    assert the_decision(matched(one, ACME, BETA)) == ("acme", "domain")


def test_names_never_match() -> None:
    found = matched(SourceAccount(account_key="1", name="Acme"), an_account("a", name="Acme"))

    assert found.unmatched[0].reason == "it has neither an external id nor a domain"


def test_an_unmatched_account_says_what_was_looked_for() -> None:
    by_domain = matched(SourceAccount(account_key="1", domains=("www.nobody.example",)), ACME)
    by_id = matched(SourceAccount(account_key="1", external_id="zzz"), ACME)
    free = matched(SourceAccount(account_key="1", domains=("gmail.com",)), ACME)

    assert by_domain.unmatched[0].reason == "no account has the domain nobody.example"
    assert by_id.unmatched[0].reason == "no account has crm_id zzz"
    assert free.unmatched[0].reason == "gmail.com: not a company's own domain"


def test_several_source_accounts_may_be_one_of_ours() -> None:
    sources = [SourceAccount(account_key=key, domains=("acme.example",)) for key in ("1", "2")]

    found = match(sources, [ACME, BETA], MatchRules(), {})

    assert [decision.account_id for decision in found.decisions] == ["acme", "acme"]


@given(st.permutations(range(6)))
def test_the_order_of_accounts_does_not_matter(order: list[int]) -> None:
    accounts = [an_account(f"a{n}", domains=(f"d{n % 3}.example",)) for n in range(6)]
    sources = [SourceAccount(account_key=f"s{n}", domains=(f"d{n}.example",)) for n in range(6)]

    shuffled = match([sources[n] for n in order], [accounts[n] for n in order], MatchRules(), {"s0": "a3"})

    assert shuffled == match(sources, accounts, MatchRules(), {"s0": "a3"})


IDS = st.text("abcXYZ019", min_size=15, max_size=15)


@given(IDS)
def test_a_salesforce_id_has_one_form_whatever_case_it_came_in(short: str) -> None:
    long = canonical_id(short)

    assert len(long) == 18
    assert long[:15] == short
    assert {canonical_id(long), canonical_id(long.lower()), canonical_id(long.upper())} == {long}


def test_a_known_pair_of_salesforce_ids() -> None:
    assert canonical_id("001D000000IqhSL") == "001D000000IqhSLIAZ"


@pytest.mark.parametrize("text", ["12345", "acme", "", "0018d00000ABCdEZZZ", "0018d00000ABCdEAA9"])
def test_another_id_stays_as_it_is(text: str) -> None:
    assert canonical_id(f" {text} ") == text


@pytest.mark.parametrize(
    "address, domain",
    [
        ("ann@Acme.Example", "acme.example"),
        ("ann+tag@mail.acme.example ", "mail.acme.example"),
        ("ann@müller.example", "xn--mller-kva.example"),
        ("ann", ""),
        ("@acme.example", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_domain_of_an_address(address: str | None, domain: str) -> None:
    assert email_domain(address) == domain


def test_the_list_of_suffixes_comes_with_the_package() -> None:
    assert registrable_domain("a.b.acme.com.au") == "acme.com.au"
    assert is_free_mail("gmx.ch")
    assert not is_free_mail("gmx-solutions.com")
