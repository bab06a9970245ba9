"""Domains of companies: from an e-mail address, a web site or a host name to what somebody registered.

Works from the list of public suffixes that comes with tldextract; refuses to fetch a newer one.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tldextract import TLDExtract

# Providers where anybody has an address. The first set counts under every ending: yahoo.com, yahoo.co.jp.
_NAMES = "gmail googlemail gmx hotmail outlook rocketmail yahoo yandex ymail"
_DOMAINS = """
aim.com aol.com live.com live.nl live.fr live.co.uk msn.com passport.com icloud.com mac.com me.com
web.de t-online.de freenet.de arcor.de online.de mail.de posteo.de mailbox.org bluewin.ch chello.at
proton.me protonmail.com protonmail.ch pm.me tutanota.com tuta.io tuta.com fastmail.com fastmail.fm
hey.com duck.com mail.com email.com usa.com zoho.com zohomail.com hushmail.com inbox.com
mail.ru bk.ru list.ru inbox.ru rambler.ru ukr.net seznam.cz centrum.cz wp.pl o2.pl onet.pl interia.pl
qq.com foxmail.com 163.com 126.com yeah.net sina.com sohu.com naver.com daum.net hanmail.net nate.com
laposte.net orange.fr wanadoo.fr free.fr sfr.fr neuf.fr libero.it virgilio.it tiscali.it alice.it tin.it
telefonica.net terra.com.br uol.com.br bol.com.br ig.com.br ziggo.nl kpnmail.nl planet.nl telenet.be
comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net juno.com
btinternet.com sky.com virginmedia.com ntlworld.com talktalk.net bigpond.com optusnet.com.au xtra.co.nz
rogers.com shaw.ca sympatico.ca videotron.ca rediffmail.com
mailinator.com guerrillamail.com 10minutemail.com yopmail.com trashmail.com temp-mail.org
sharklasers.com dispostable.com getnada.com maildrop.cc
"""
FREE_MAIL_NAMES = frozenset(_NAMES.split())
FREE_MAIL = frozenset(_DOMAINS.split())


def email_domain(address: str | None) -> str:
    """Return the domain of an e-mail address in lower case, empty if there is none."""
    name, at, domain = (address or "").strip().rpartition("@")
    return _ascii(domain) if at and name else ""


def registrable_domain(text: str) -> str:
    """Return what somebody registered: `acme.co.uk` for `https://eu.acme.co.uk/x`; empty if nobody can.

    International names become punycode, so that both spellings are equal. Under an ending the list does
    not know, the last two labels count, as the list itself prescribes.
    """
    found = _extract()(text.strip().lower())
    if found.suffix:
        return _ascii(found.top_domain_under_public_suffix)
    labels = f"{found.subdomain}.{found.domain}".strip(".").split(".")
    named = len(labels) > 1 and all(labels) and not found.ipv4
    return _ascii(".".join(labels[-2:])) if named else ""


def is_free_mail(domain: str) -> bool:
    """Say whether a registrable domain is a mail provider's and so tells nothing about the company."""
    return domain in FREE_MAIL or domain.partition(".")[0] in FREE_MAIL_NAMES


def _ascii(host: str) -> str:
    lowered = host.strip().rstrip(".").lower()
    try:
        return lowered.encode("idna").decode("ascii") if not lowered.isascii() else lowered
    except UnicodeError:
        return lowered


@cache
def _extract() -> "TLDExtract":
    # Brings a second HTTP client with it; whoever only looks at addresses is spared that.
    from tldextract import TLDExtract

    # With the private part of the list: acme.github.io is Acme's, not GitHub's.
    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
