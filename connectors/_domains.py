"""Domains of companies: from an e-mail address, a web site or a host name to what somebody registered.

Works from the list of public suffixes that comes with tldextract; refuses to fetch a newer one.
"""

from functools import cache

from tldextract import TLDExtract


def email_domain(address: str | None) -> str:
    """Return the domain of an e-mail address in lower case, empty if there is none."""
    name, at, domain = (address or "").strip().rpartition("@")
    return _ascii(domain) if at and name else ""


def registrable_domain(text: str) -> str:
    """Return what somebody registered: `acme.co.uk` for `https://eu.acme.co.uk/x`; empty if nobody can.

    International names become punycode, so that both spellings are equal.
    """
    return _ascii(_extract()(text.strip().lower()).top_domain_under_public_suffix)


def _ascii(host: str) -> str:
    lowered = host.strip().rstrip(".").lower()
    try:
        return lowered.encode("idna").decode("ascii") if not lowered.isascii() else lowered
    except UnicodeError:
        return lowered


@cache
def _extract() -> TLDExtract:
    # With the private part of the list: acme.github.io is Acme's, not GitHub's.
    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
