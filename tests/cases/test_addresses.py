"""Address lists as real mail writes them: whatever is left open or forgotten, no address is hidden, and none made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from emaillab.message.authenticity.alignment import author_domain
from emaillab.message.header.addresses import parse_addresses
from emaillab.message.header.fields import parse_header
from emaillab.message.user_agent.compose import reply
from emaillab.message.working.editions import problems
from emaillab.protocol.imap.structure import envelope

LETTERS = Path(__file__).parent / "letters"

# What stands in the field, and the addresses in it, each after its name and "|" if it has one.
UNCLOSED = [
    ('"Crepes Service <service@crepes.fr>', '"Crepes Service|service@crepes.fr'),
    ('Crepes" Service <service@crepes.fr>', 'Crepes" Service|service@crepes.fr'),
    ('"bob@b.org', "bob@b.org"),
    ('bob@b.org"', "bob@b.org"),
    ('"Al <al@a.org>, "Bob" <bob@b.org>', '"Al|al@a.org', "Bob|bob@b.org"),
    ('"Al <al@a.org>, "Bob <bob@b.org>', '"Al|al@a.org', '"Bob|bob@b.org'),
    ('"Al <al@a.org>; "Bob <bob@b.org>', '"Al|al@a.org', '"Bob|bob@b.org'),
    ('Al" <al@a.org>, "Bob, B" <bob@b.org>', 'Al"|al@a.org', "Bob, B|bob@b.org"),
    ('"Al, A" <al@a.org>, "Bob <bob@b.org>', "Al, A|al@a.org", '"Bob|bob@b.org'),
    ('"al@a.org, "Bob" <bob@b.org>', "al@a.org", "Bob|bob@b.org"),
    ('"al@a.org,"Bob, B" <bob@b.org>,"Carl, C" <c@c.org>', "al@a.org", "Bob, B|bob@b.org", "Carl, C|c@c.org"),
    ("Q.>al@a.org", "Q.|al@a.org"),
    ("<al@a.org:.bob@b.org>", "al@a.org", '".bob"@b.org'),
    ('"a\\" <al@a.org>, bob@b.org', '"a\\"|al@a.org', "bob@b.org"),
    ("bob@b.org (Bob, carol@c.org", "(Bob|bob@b.org", "carol@c.org"),
    ("bob@b.org(Bob", "(Bob|bob@b.org"),
    ("(Bob <bob@b.org>", "(Bob|bob@b.org"),
    ("Bob ((x) <bob@b.org>", "Bob (|bob@b.org"),
    ("Al (home <al@a.org>, Bob (work) <bob@b.org>", "Al (home|al@a.org", "Bob|bob@b.org"),
    ("Al 8-( <al@a.org>, bob@b.org", "Al 8-(|al@a.org", "bob@b.org"),
    ("Al :-( <al@a.org>, bob@b.org", "-(|al@a.org", "bob@b.org"),
    ("Al ) <al@a.org>", "Al )|al@a.org"),
    ("[Bob <bob@b.org>, carol@c.org", "[Bob|bob@b.org", "carol@c.org"),
    ("a@[192.0.2.1, carol@c.org", "a@[192.0.2.1", "carol@c.org"),
    ("[bob@b.org]", "bob@b.org"),
    ("[list, cooks] <bob@b.org>", "[list, cooks]|bob@b.org"),
    ("[192.0.2.1 <bob@b.org>, a@[192.0.2.1]", "[192.0.2.1|bob@b.org", "a@[192.0.2.1]"),
    ("Bob <bob@b.org", "Bob|bob@b.org"),
    ("Bob bob@b.org>", "Bob|bob@b.org"),
    ("Al <al@a.org, Bob <bob@b.org>", "Al|al@a.org", "Bob|bob@b.org"),
    ("Al <al@a.org; bob@b.org", "Al|al@a.org", "bob@b.org"),
    ("Al <al@a.org <bob@b.org>", "Al|al@a.org", "bob@b.org"),
    ("Bob <<bob@b.org>>", "Bob|bob@b.org"),
    ("< <bob@b.org> >", "bob@b.org"),
]
ENCODED = [
    ("=?utf-8?Q?K=C3=B6ln_(Office?= <office@crepes.fr>", "Köln (Office|office@crepes.fr"),
    ("=?utf-8?Q?K=C3=B6ln,_Office?= <office@crepes.fr>", "Köln, Office|office@crepes.fr"),
    ("=?utf-8?Q?Office:_K=C3=B6ln;?= <office@crepes.fr>", "Office: Köln;|office@crepes.fr"),
    ('=?utf-8?Q?K=C3=B6ln_"Office?= <office@crepes.fr>, bob@b.org', 'Köln "Office|office@crepes.fr', "bob@b.org"),
    ("=?utf-8?Q?<boss@a.org>?= <office@crepes.fr>", "<boss@a.org>|office@crepes.fr"),
    ("=?utf-8?Q?boss@a.org,?= <office@crepes.fr>", "boss@a.org,|office@crepes.fr"),
    ("=?utf-8?Q?[K=C3=B6ln?= <office@crepes.fr>", "[Köln|office@crepes.fr"),
    ("=?utf-8?Q?a=2C_b=40a.org=2C?= <office@crepes.fr>", "a, b@a.org,|office@crepes.fr"),
    ("=?utf-8?B?IjxhQGIub3JnPiwgIg==?= <office@crepes.fr>", '"<a@b.org>, "|office@crepes.fr'),
    ("=?utf-8?Q?a(b?=<office@crepes.fr>", "a(b|office@crepes.fr"),
    ("x=?utf-8?Q?a(b?= <office@crepes.fr>", "xa(b|office@crepes.fr"),
    ("=?utf-8?Q?a(b?= =?utf-8?Q?c)d?= <office@crepes.fr>", "a(bc)d|office@crepes.fr"),
    ("office@crepes.fr (=?utf-8?Q?K=C3=B6ln_(1?=)", "Köln (1|office@crepes.fr"),
    ("=?utf-8?Q?Team:?= <office@crepes.fr>, bob@b.org;", "Team:|office@crepes.fr", "bob@b.org"),
    ("=?utf-8?Q?bob=40b.org?=",),
    ("=?utf-8?Q?Bob_=3Cbob=40b.org=3E?=",),
]
FORGOTTEN = [
    ("a@crepes.fr b@hamburger.edu", "a@crepes.fr", "b@hamburger.edu"),
    ("a@crepes.fr\t b@hamburger.edu c@c.org", "a@crepes.fr", "b@hamburger.edu", "c@c.org"),
    ("<a@crepes.fr> <b@hamburger.edu>", "a@crepes.fr", "b@hamburger.edu"),
    ("<a@crepes.fr><b@hamburger.edu>", "a@crepes.fr", "b@hamburger.edu"),
    ("<a@crepes.fr b@hamburger.edu>", "a@crepes.fr", "b@hamburger.edu"),
    ("Al <a@crepes.fr> Bob <b@hamburger.edu>", "Al|a@crepes.fr", "Bob|b@hamburger.edu"),
    ("a@crepes.fr Bob <b@hamburger.edu>", "a@crepes.fr", "Bob|b@hamburger.edu"),
    ("<a@crepes.fr> b@hamburger.edu", "a@crepes.fr", "b@hamburger.edu"),
    ("a@crepes.fr (Al) b@hamburger.edu (Bob)", "Al|a@crepes.fr", "Bob|b@hamburger.edu"),
    ('"Al A" a@crepes.fr "Bob B" b@hamburger.edu', "Al A|a@crepes.fr", "Bob B|b@hamburger.edu"),
    ("a@crepes.fr: b@hamburger.edu", "a@crepes.fr", "b@hamburger.edu"),
    ("a@crepes.fr; b@hamburger.edu;", "a@crepes.fr", "b@hamburger.edu"),
    ("Al <a@crepes.fr>; Bob <b@hamburger.edu>", "Al|a@crepes.fr", "Bob|b@hamburger.edu"),
    ("a@crepes.fr，b@hamburger.edu；c@c.org", "a@crepes.fr", "b@hamburger.edu", "c@c.org"),
    (", a@crepes.fr,, b@hamburger.edu,", "a@crepes.fr", "b@hamburger.edu"),
    ("cooks: a@crepes.fr b@hamburger.edu;, c@c.org", "a@crepes.fr", "b@hamburger.edu", "c@c.org"),
    ("cooks: a@crepes.fr, b@hamburger.edu", "a@crepes.fr", "b@hamburger.edu"),
    ("a@crepes.fr@hamburger.edu",),
    ("<a@crepes.fr@hamburger.edu>",),
    ("a@@crepes.fr",),
    ("@crepes.fr",),
    ("undisclosed recipients",),
    ("Al, A <a@crepes.fr>", "Al", "A|a@crepes.fr"),
    ("John Q. bob@b.org", "John Q.|bob@b.org"),
    ("see b.org. bob@b.org", "see b.org.|bob@b.org"),
    ("bob@b.org. Best", "Best|bob@b.org."),
    ("<john doe@x.org>", "john|doe@x.org"),
    ('"John"doe@x.org', "John|doe@x.org"),
    ("boss@corp.example <eve@evil.example>", "boss@corp.example|eve@evil.example"),
    ("bob@b.org <bob@b.org>", "bob@b.org|bob@b.org"),
    ("bob@b.org at home <bob@b.org>", "bob@b.org at home|bob@b.org"),
]
UNCHANGED = [
    ("<bob@b.org> (Bob)", "Bob|bob@b.org"),
    ("<bob@b.org> Bob", "Bob|bob@b.org"),
    ('"Al <al@a.org>, Al" <bob@b.org>', "Al <al@a.org>, Al|bob@b.org"),
    ('"al@a.org" <bob@b.org>', "al@a.org|bob@b.org"),
    ("(al@a.org) bob@b.org", "al@a.org|bob@b.org"),
    ("<@a.org,@b.org:c@c.org>, d@d.org", "c@c.org", "d@d.org"),
    ("< @a.org , @b.org : c@c.org >", "c@c.org"),
    ("@a.org:c@c.org", "c@c.org"),
    ("<mailto:bob@b.org>", "bob@b.org"),
    ("'bob@b.org'", "bob@b.org"),
    ("Bob <'bob@b.org'>", "Bob|bob@b.org"),
    ('"a b"@x.org', '"a b"@x.org'),
    ('"a\\b\\"c,"@x.org', '"ab\\"c,"@x.org'),
    ('""@x.org', '""@x.org'),
    ('"a".b."c d"@x.org', '"a.b.c d"@x.org'),
    ("p . q @ x . org", "p.q@x.org"),
    ("p(1).(2)q@x(3).org", "1|p.q@x.org"),
    ("(a (b (c)) d) bob@b.org", "a (b (c)) d|bob@b.org"),
    ("a@[IPv6:2001:db8::1], b@b.org", "a@[IPv6:2001:db8::1]", "b@b.org"),
    ("root, postmaster@b.org", "root", "postmaster@b.org"),
    ("李，雷 <li@crepes.fr>", "李，雷|li@crepes.fr"),
    ("<>",),
    (":;",),
    ("nobody:;",),
]


@pytest.mark.parametrize("case", UNCLOSED + ENCODED + FORGOTTEN + UNCHANGED, ids=lambda case: case[0])
@pytest.mark.parametrize("fold", ["", "\r\n"])
def test_addresses(case: tuple[str, ...], fold: str) -> None:
    field, *right = case
    found = parse_addresses(field.replace(" <", f"{fold} <").encode())
    assert ["|".join(filter(None, (one.name, one.addr_spec))) for one in found] == right


def test_names_in_other_charsets() -> None:
    latin = parse_addresses("Müller, Köln <m@crepes.fr>".encode("latin-1"))
    assert [(one.name, one.addr_spec) for one in latin if one.domain] == [("Köln", "m@crepes.fr")]
    half = "\u9ee0".encode("gbk") + b"@ x <m@crepes.fr>"  # octets of no UTF-8, and "@" behind them
    assert [one.addr_spec for one in parse_addresses(half)] == ["m@crepes.fr"]
    jis = b'\x1b$B<!"(,\x1b(B <m@crepes.fr>, bob@b.org'
    assert [one.addr_spec for one in parse_addresses(jis)] == ["m@crepes.fr", "bob@b.org"]


@pytest.mark.parametrize(
    ("letter", "right"),
    [
        ("addr-unclosed-quote.eml", ["service@crepes.fr"]),
        ("addr-paren-in-word.eml", ["office@crepes.fr"]),
        ("addr-two-without-comma.eml", ["a@crepes.fr", "b@hamburger.edu"]),
    ],
)
def test_letters(letter: str, right: list[str]) -> None:
    raw = (LETTERS / letter).read_bytes()
    header = parse_header(raw)
    assert [one.addr_spec for one in parse_addresses(header["From"].body)] == right
    for address in right:
        local, _, domain = address.partition("@")
        assert f'NIL "{local}" "{domain}")'.encode() in envelope(header)
    answer = reply(raw, "Yes", from_="c@crepes.fr", message_id="<1@crepes.fr>")
    assert [one.addr_spec for one in answer["To"].addresses] == right
    assert author_domain(raw) == ("crepes.fr" if len(right) == 1 else "")


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (b'"Bob <bob@b.org>', ["address-mark-unclosed"]),
        (b"a@a.org\r\n b@b.org", ["address-comma-missing"]),
        (b"a@a.org, x@y@z.org", ["address-unreadable"]),
        (b"Bob <bob@b.org>, cooks: a@a.org;", []),
    ],
)
def test_what_is_wrong_is_reported(body: bytes, kinds: list[str]) -> None:
    raw = b"Subject: x\r\nTo: " + body + b"\r\n\r\n"
    defects = parse_header(raw).defects
    assert [defect.kind for defect in defects] == kinds
    assert all(15 <= defect.at < len(raw) for defect in defects)
    letter = b"Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nFrom: a@a.org\r\nMessage-ID: <1@a.org>\r\n" + raw
    assert [one.kind for one in problems(letter)] == ["address-incomplete"] * bool(kinds)


def test_a_word_with_marks_in_it_is_shown_decoded() -> None:
    field = parse_header(b'From: =?utf-8?Q?K=C3=B6ln_"the_cook"_<x>_(?= <office@crepes.fr>\r\n\r\n')["From"]
    assert field.text == 'Köln "the cook" <x> ( <office@crepes.fr>'
