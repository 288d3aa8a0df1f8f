"""Does the lab's name service answer as RFC 5321 and RFC 7505 need it?"""

import random
import subprocess
import sys

import pytest

from emaillab.net.dns import (
    AAAA,
    CNAME,
    MX,
    NULL_MX,
    PTR,
    TXT,
    A,
    Answer,
    NoSuchDomain,
    Other,
    Resolver,
    ServerFailure,
    Zone,
    ZoneError,
)

ZONE_FILE = """\
$TTL 300
@       IN SOA ns hostmaster 2026030201 3600 600 864000 300
        IN NS  ns
        IN MX  20 backup
        IN MX  10 Mail.Hamburger.EDU.   ; the lower one first
        IN TXT "v=spf1 mx " "-all"
ns      IN A   192.0.2.53
mail    IN A   192.0.2.25
        IN AAAA 2001:DB8:0:0::25
backup  60 IN A 192.0.2.26
www     IN CNAME mail
_imap._tcp IN SRV 0 1 143 mail
"""


@pytest.fixture
def resolver() -> Resolver:
    return Resolver([Zone.from_text(ZONE_FILE, "hamburger.edu")])


def test_a_zone_file_is_read(resolver: Resolver) -> None:
    assert resolver.mx("hamburger.edu") == [(10, "mail.hamburger.edu"), (20, "backup.hamburger.edu")]
    assert resolver.addresses("mail.hamburger.edu") == ["192.0.2.25", "2001:db8::25"]
    assert resolver.lookup("hamburger.edu", "TXT").records == (TXT("hamburger.edu", "v=spf1 mx -all", ttl=300),)
    assert resolver.lookup("backup.hamburger.edu", "A").records[0].ttl == 60
    assert resolver.lookup("_imap._tcp.hamburger.edu", "SRV").records == (
        Other("_imap._tcp.hamburger.edu", "SRV", "0 1 143 mail.hamburger.edu.", ttl=300),
    )


def test_a_zone_file_comes_back_from_what_was_written() -> None:
    zone = Zone.from_text(ZONE_FILE, "hamburger.edu")
    zone.add(TXT("hamburger.edu", 'say "hi" \\ 你好 ' + "x" * 600, ttl=300), TXT("empty.hamburger.edu", ""))
    zone.add(MX("nomail.hamburger.edu", *NULL_MX), PTR("1.hamburger.edu", "a.example"))
    again = Zone.from_text(zone.to_text(), "hamburger.edu")
    assert set(again.records) == set(zone.records)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("mail A 192.0.2.300", "malformed"),
        ("@ MX mail", "expecting an integer"),
        ('x TXT "unclosed', "newline in quoted string"),
        ("x BOX 1", "unknown rdatatype 'BOX'"),
        ("x A", "expecting an identifier"),
        ("a..b A 192.0.2.1", "label is empty"),
        ("$INCLUDE passwords", "not allowed"),
        ("mail.other.example. A 192.0.2.1", "this name is not in the zone b.example"),
        ("known CNAME mail", "CNAME"),
    ],
)
@pytest.mark.parametrize("after", ["", "later A 192.0.2.9\n"])
def test_a_zone_files_error_names_its_line(line: str, complaint: str, after: str) -> None:
    text = f"@ MX 10 mail\n\n; a comment\nknown A (\n  192.0.2.8 )\n{line}\n{after}"
    with pytest.raises(ZoneError, match=f"^zone b.example, line 6: .*{complaint}") as caught:
        Zone.from_text(text, "b.example")
    assert "\n" not in str(caught.value)


def test_records_that_cannot_be_are_refused() -> None:
    zone = Zone("b.example", [A("www.b.example", "192.0.2.1")])
    with pytest.raises(ZoneError, match=r"^mail.c.example is not in the zone b.example$"):
        zone.add(A("mail.c.example", "192.0.2.1"))
    with pytest.raises(ZoneError, match=r"www.b.example has a CNAME"):
        zone.add(CNAME("www.b.example", "mail.b.example"))
    with pytest.raises(ZoneError, match="'localhost' is not an IP address"):
        A("b.example", "localhost")
    with pytest.raises(ZoneError, match="::1 is an IPv6 address"):
        A("b.example", "::1")
    with pytest.raises(ZoneError, match="is not a domain name"):
        Zone("例" * 70 + ".example")
    with pytest.raises(ValueError, match="has no record"):
        zone.remove(A("www.b.example", "192.0.2.2"))
    assert zone.records == (A("www.b.example", "192.0.2.1"),)


def test_names_are_compared_without_case_and_final_dot_and_in_a_labels() -> None:
    resolver = Resolver([Zone("例子.Example.", [MX("例子.example", 5, "MAIL.例子.example.")])])
    assert resolver.mx("XN--FSQU00A.example") == [(5, "mail.xn--fsqu00a.example")]


def test_no_such_domain_and_no_such_record_differ(resolver: Resolver) -> None:
    with pytest.raises(NoSuchDomain, match=r"^there is no domain nowhere.hamburger.edu \(NXDOMAIN\)$"):
        resolver.lookup("nowhere.hamburger.edu", "A")
    with pytest.raises(NoSuchDomain):
        resolver.mx("pizza.example")  # no zone at all
    assert resolver.lookup("mail.hamburger.edu", "TXT").records == ()
    assert resolver.lookup("_tcp.hamburger.edu", "A").records == ()  # nothing itself, but something below it


def test_a_failing_name_takes_along_what_is_below_it(resolver: Resolver) -> None:
    resolver.fail("Hamburger.edu")
    for name in ("hamburger.edu", "mail.hamburger.edu", "nowhere.hamburger.edu"):
        with pytest.raises(ServerFailure, match=r"SERVFAIL"):
            resolver.mx(name)
    with pytest.raises(NoSuchDomain):
        resolver.mx("cheeseburger.edu")
    resolver.recover("hamburger.edu.")
    resolver.recover("hamburger.edu")
    assert resolver.mx("mail.hamburger.edu")


def test_the_implicit_mx_is_for_domains_without_any_mx(resolver: Resolver) -> None:
    assert resolver.mx("mail.hamburger.edu") == [(0, "mail.hamburger.edu")]
    zone = Zone("b.example", [MX("b.example", 10, "gone.b.example"), A("b.example", "192.0.2.1")])
    zone.add(TXT("text.b.example", "no host"), AAAA("six.b.example", "2001:db8::6"))
    resolver.zones.append(zone)
    assert resolver.mx("b.example") == [(10, "gone.b.example")]  # although that host does not exist
    assert resolver.mx("six.b.example") == [(0, "six.b.example")]
    assert resolver.mx("text.b.example") == []


def test_a_null_mx_says_no_mail_and_counts_for_nothing_beside_others() -> None:
    zone = Zone("b.example", [MX("b.example", 0, "."), A("b.example", "192.0.2.1")])
    resolver = Resolver([zone])
    assert resolver.mx("b.example") == [NULL_MX]
    zone.add(MX("b.example", 30, "mail.b.example"))
    assert resolver.mx("b.example") == [(30, "mail.b.example")]


def test_aliases_are_followed_across_zones_and_never_in_a_circle(resolver: Resolver) -> None:
    resolver.zones.append(
        Zone(
            "b.example",
            [
                CNAME("mx.b.example", "alias.b.example"),
                CNAME("alias.b.example", "hamburger.edu"),
                CNAME("web.b.example", "www.hamburger.edu"),
                CNAME("lost.b.example", "nowhere.example"),
                CNAME("one.b.example", "two.b.example"),
                CNAME("two.b.example", "one.b.example"),
                CNAME("self.b.example", "self.b.example"),
            ],
        )
    )
    assert resolver.mx("mx.b.example")[0] == (10, "mail.hamburger.edu")
    assert resolver.mx("web.b.example") == [(0, "mail.hamburger.edu")]
    assert resolver.lookup("WEB.b.example", "CNAME") == Answer(
        "web.b.example", "CNAME", (CNAME("web.b.example", "www.hamburger.edu"),), "web.b.example"
    )
    with pytest.raises(NoSuchDomain, match=r"nowhere.example"):
        resolver.mx("lost.b.example")
    for name in ("one.b.example", "self.b.example"):
        with pytest.raises(ServerFailure, match="circle"):
            resolver.addresses(name)


def test_the_zone_nearest_to_a_name_answers() -> None:
    parent = Zone("edu", [A("mail.hamburger.edu", "192.0.2.1"), A("pizza.edu", "192.0.2.2")])
    resolver = Resolver([Zone("."), parent, Zone("hamburger.edu", [A("mail.hamburger.edu", "192.0.2.25")])])
    assert resolver.addresses("mail.hamburger.edu") == ["192.0.2.25"]
    assert resolver.addresses("pizza.edu") == ["192.0.2.2"]


def test_equal_preferences_are_shuffled_by_the_given_seed() -> None:
    hosts = [f"mx{number}.b.example" for number in range(6)]
    records = [MX("b.example", 10, host) for host in hosts] + [MX("b.example", 5, "first.b.example")]
    zone = Zone("b.example", records)
    assert [host for _, host in Resolver([zone]).mx("b.example")] == ["first.b.example", *hosts]
    orders = {tuple(Resolver([zone], random.Random(seed)).mx("b.example")) for seed in range(20)}
    assert len(orders) > 10
    assert all(order[0] == (5, "first.b.example") and len(order) == 7 for order in orders)
    one, other = (Resolver([zone], random.Random(7)) for _ in range(2))
    assert [one.mx("b.example") for _ in range(5)] == [other.mx("b.example") for _ in range(5)]


def test_reverse_look_ups(resolver: Resolver) -> None:
    assert resolver.reverse("192.0.2.25") == "mail.hamburger.edu"
    assert resolver.reverse("2001:0db8::0025") == "mail.hamburger.edu"
    assert resolver.reverse("192.0.2.99") is None
    resolver.zones.append(
        Zone("2.0.192.in-addr.arpa", [PTR("25.2.0.192.in-addr.arpa", "dsl-25.isp.example")]),
    )
    assert resolver.reverse("192.0.2.25") == "dsl-25.isp.example"
    resolver.fail("2.0.192.in-addr.arpa")
    with pytest.raises(ServerFailure):
        resolver.reverse("192.0.2.25")


def test_dnspython_is_not_imported_for_a_look_up() -> None:
    program = (
        "import sys; from emaillab.net.dns import *;"
        "Resolver([Zone('b.example', [A('b.example', '192.0.2.1')])]).mx('b.example');"
        "print([name for name in sys.modules if name.split('.')[0] == 'dns'])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
