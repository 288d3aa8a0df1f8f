"""Does the path come out right, in whichever dialect the servers wrote it?"""

import email
import io
import json
import re
from datetime import UTC, datetime
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from emaillab.message.header.dates import parse_date
from emaillab.message.trace.path import PROTOCOLS, Gap, Hop, trace
from emaillab.message.trace.received import find_ip, read_regular, read_tolerantly

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
DATE = "Mon, 3 Mar 2025 13:00:00 +0100"

# Each dialect: the value of the field, and what must come out; what is not named must be None, or no defect.
DIALECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "postfix": (
        f"from mail.crepes.fr (mail.crepes.fr [192.0.2.1])\r\n\tby mx.hamburger.edu (Postfix) with ESMTP id 4Zx7\r\n"
        f"\tfor <bob@hamburger.edu>; {DATE} (CET)",
        {
            "from_": "mail.crepes.fr",
            "by": "mx.hamburger.edu",
            "with_": "ESMTP",
            "id": "4Zx7",
            "for_": "bob@hamburger.edu",
        }
        | {"from_ip": "192.0.2.1", "helo": "mail.crepes.fr", "rdns": "mail.crepes.fr", "esmtp": True},
    ),
    "postfix with TLS and AUTH": (
        f"from [10.1.2.3] (unknown [198.51.100.7])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 "
        f"(256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\r\n"
        f"\t(No client certificate requested)\r\n"
        f"\t(Authenticated sender: alice)\r\n\tby crepes.fr (Postfix) with ESMTPSA id 9; {DATE}",
        {"from_": "[10.1.2.3]", "by": "crepes.fr", "with_": "ESMTPSA", "id": "9", "from_ip": "198.51.100.7"}
        | {"helo": "[10.1.2.3]", "esmtp": True, "tls": True, "authenticated": True}
        | {
            "cipher": "using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 "
            "server-signature RSA-PSS (2048 bits)"
        },
    ),
    "postfix pickup": (
        f"by crepes.fr (Postfix, from userid 1000)\r\n\tid 12AB; {DATE}",
        {"by": "crepes.fr", "id": "12AB"},
    ),
    "postfix over IPv6": (
        f"from mx.example.org (mx.example.org [IPv6:2001:db8::25]) by b.org (Postfix) with ESMTPS id 1; {DATE}",
        {"from_": "mx.example.org", "by": "b.org", "with_": "ESMTPS", "id": "1", "from_ip": "2001:db8::25"}
        | {"helo": "mx.example.org", "rdns": "mx.example.org", "esmtp": True, "tls": True},
    ),
    "exim": (
        f"from mail.crepes.fr ([192.0.2.1]:48432 helo=laptop.local)\r\n\tby mx.example.org with esmtps "
        f"(TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.96)\r\n\t(envelope-from <alice@crepes.fr>)\r\n"
        f"\tid 1tp8Zk-000000001Xy-2abc\r\n\tfor bob@example.org; {DATE}",
        {"from_": "mail.crepes.fr", "by": "mx.example.org", "with_": "esmtps", "id": "1tp8Zk-000000001Xy-2abc"}
        | {"for_": "bob@example.org", "from_ip": "192.0.2.1", "helo": "laptop.local", "rdns": "mail.crepes.fr"}
        | {"cipher": "TLS1.3, TLS_AES_256_GCM_SHA384", "esmtp": True, "tls": True},
    ),
    "exim with a client that has no name": (
        f"from [203.0.113.9] (helo=[192.168.1.5] ident=mail) by x.org with esmtpsa (Exim 4.94) id 1; {DATE}",
        {"from_": "[203.0.113.9]", "by": "x.org", "with_": "esmtpsa", "id": "1", "from_ip": "203.0.113.9"}
        | {"helo": "[192.168.1.5]", "esmtp": True, "tls": True, "authenticated": True},
    ),
    "exim local": (
        f"from alice by crepes.fr with local (Exim 4.96)\r\n\t(envelope-from <alice@crepes.fr>)\r\n\tid 1tp-2; {DATE}",
        {"from_": "alice", "by": "crepes.fr", "with_": "local", "id": "1tp-2"},
    ),
    "sendmail": (
        f"from crepes.fr (IDENT:root@gw.crepes.fr [192.0.2.1] (may be forged))\r\n"
        f"\tby b.org (8.14.4/8.14.4) with ESMTP id s23C0ABC012345\r\n"
        f"\t(version=TLSv1/SSLv3 cipher=DHE-RSA-AES256-SHA bits=256 verify=NO)\r\n\tfor <bob@b.org>; {DATE}",
        {"from_": "crepes.fr", "by": "b.org", "with_": "ESMTP", "id": "s23C0ABC012345", "for_": "bob@b.org"}
        | {"from_ip": "192.0.2.1", "helo": "crepes.fr", "rdns": "gw.crepes.fr", "esmtp": True, "tls": True}
        | {"cipher": "version=TLSv1/SSLv3 cipher=DHE-RSA-AES256-SHA bits=256 verify=NO"},
    ),
    "sendmail local": (
        f"(from alice@localhost)\r\n\tby crepes.fr (8.14.4/8.14.4/Submit) id s23; {DATE}",
        {"by": "crepes.fr", "id": "s23"},
    ),
    "qmail": (
        "from unknown (HELO mail.crepes.fr) (alice@192.0.2.1)\r\n  by b.org with SMTP; 3 Mar 2025 12:00:00 -0000",
        {"from_": "unknown", "by": "b.org", "with_": "SMTP", "helo": "mail.crepes.fr", "zone_known": False}
        | {"from_ip": "192.0.2.1"},
    ),
    "qmail with a bare address": (
        "from mx.crepes.fr (HELO mail.crepes.fr) (192.0.2.1)\r\n  by 0 with SMTP; 3 Mar 2025 12:00:00 -0000",
        {"from_": "mx.crepes.fr", "by": "0", "with_": "SMTP", "helo": "mail.crepes.fr", "from_ip": "192.0.2.1"}
        | {"rdns": "mx.crepes.fr", "zone_known": False},
    ),
    "qmail invoked": (
        "(qmail 12345 invoked by uid 0); 3 Mar 2025 12:00:00 -0000",
        {"zone_known": False, "defects": ["missing-by"]},
    ),
    "exchange": (
        f"from AM0PR01MB1234.eurprd01.prod.exchangelabs.com (2603:10a6:208::17)\r\n by "
        f"DB8PR01MB5678.eurprd01.prod.exchangelabs.com (2603:10a6:10::8) with\r\n Microsoft SMTP Server "
        f"(version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.8489.18; {DATE}",
        {"from_": "AM0PR01MB1234.eurprd01.prod.exchangelabs.com", "by": "DB8PR01MB5678.eurprd01.prod.exchangelabs.com"}
        | {"with_": "Microsoft SMTP Server", "id": "15.20.8489.18", "from_ip": "2603:10a6:208::17", "tls": True}
        | {"cipher": "version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}
        | {"helo": "AM0PR01MB1234.eurprd01.prod.exchangelabs.com"},
    ),
    "exchange frontend": (
        f"from mail.crepes.fr (192.0.2.1) by ex1.corp.example (10.0.0.4) with Microsoft SMTP\r\n"
        f" Server id 15.1.225.42 via Frontend Transport; {DATE}",
        {"from_": "mail.crepes.fr", "by": "ex1.corp.example", "with_": "Microsoft SMTP Server", "id": "15.1.225.42"}
        | {"via": "Frontend Transport", "from_ip": "192.0.2.1", "helo": "mail.crepes.fr"},
    ),
    "exchange mapi, version that looks like an address": (
        f"from ex1.corp.example ([::1]) by ex2.corp.example ([fe80::1%5]) with mapi id 15.1.225.42; {DATE}",
        {"from_": "ex1.corp.example", "by": "ex2.corp.example", "with_": "mapi", "id": "15.1.225.42", "from_ip": "::1"},
    ),
    "IIS pickup": (
        f"from mail pickup service by web1 with Microsoft SMTPSVC; \t {DATE}",
        {"from_": "mail pickup service", "by": "web1", "with_": "Microsoft SMTPSVC"},
    ),
    "IIS relay": (
        f"from crepes.fr ([192.0.2.1]) by web1 over TLS secured channel with Microsoft SMTPSVC(8.5.9600.16384); {DATE}",
        {"from_": "crepes.fr", "by": "web1", "with_": "Microsoft SMTPSVC", "from_ip": "192.0.2.1", "helo": "crepes.fr"},
    ),
    "gmail inside": (
        "by 2002:a05:6402:35c5:b0:5e4:9ef2:c5d8 with SMTP id z5csp1234567edc;\r\n Mon, 3 Mar 2025 04:00:00 -0800 (PST)",
        {"by": "2002:a05:6402:35c5:b0:5e4:9ef2:c5d8", "with_": "SMTP", "id": "z5csp1234567edc"},
    ),
    "gmail border": (
        "from mail-sor-f41.google.com (mail-sor-f41.google.com. [209.85.220.41])\r\n by mx.google.com with SMTPS id "
        "a1-b2sor.10.2025.03.03\r\n        for <bob@gmail.com>\r\n        (Google Transport Security);\r\n"
        "        Mon, 03 Mar 2025 04:00:00 -0800 (PST)",
        {"from_": "mail-sor-f41.google.com", "by": "mx.google.com", "with_": "SMTPS", "id": "a1-b2sor.10.2025.03.03"}
        | {"for_": "bob@gmail.com", "from_ip": "209.85.220.41", "helo": "mail-sor-f41.google.com", "tls": True}
        | {"rdns": "mail-sor-f41.google.com"},
    ),
    "gmail API": (
        f"from 54240 named unknown by gmailapi.google.com with HTTPREST; {DATE}",
        {"from_": "54240 named unknown", "by": "gmailapi.google.com", "with_": "HTTPREST"},
    ),
    "dovecot LMTP": (
        f"from mx.b.org ([10.0.0.5])\r\n\tby imap.b.org with LMTP\r\n\tid kFJvL+CexWf/OQAA\r\n"
        f"\t(envelope-from <alice@crepes.fr>)\r\n\tfor <bob@b.org>; {DATE}",
        {"from_": "mx.b.org", "by": "imap.b.org", "with_": "LMTP", "id": "kFJvL+CexWf/OQAA", "for_": "bob@b.org"}
        | {"from_ip": "10.0.0.5", "helo": "mx.b.org"},
    ),
    "zimbra LMTP": (
        f"from mta.zimbra.example (LHLO mta.zimbra.example) (10.0.0.7)\r\n by mbox.zimbra.example "
        f"with LMTP; {DATE} (CET)",
        {"from_": "mta.zimbra.example", "by": "mbox.zimbra.example", "with_": "LMTP", "from_ip": "10.0.0.7"}
        | {"helo": "mta.zimbra.example", "rdns": "mta.zimbra.example"},
    ),
    "zimbra filter": (
        f"from localhost (localhost [127.0.0.1])\r\n\tby mta.zimbra.example (Postfix) with ESMTP id C0FFEE; {DATE}",
        {"from_": "localhost", "by": "mta.zimbra.example", "with_": "ESMTP", "id": "C0FFEE", "from_ip": "127.0.0.1"}
        | {"helo": "localhost", "rdns": "localhost", "esmtp": True},
    ),
    "amazon SES": (
        f"from a8-29.smtp-out.amazonses.com (a8-29.smtp-out.amazonses.com [54.240.8.29])\r\n\tby inbound-smtp."
        f"us-east-1.amazonaws.com with SMTP id 0v1k9ab\r\n for bob@b.org;\r\n {DATE} (UTC)",
        {"from_": "a8-29.smtp-out.amazonses.com", "by": "inbound-smtp.us-east-1.amazonaws.com", "with_": "SMTP"}
        | {"id": "0v1k9ab", "for_": "bob@b.org", "from_ip": "54.240.8.29", "helo": "a8-29.smtp-out.amazonses.com"}
        | {"rdns": "a8-29.smtp-out.amazonses.com"},
    ),
    "webmail over HTTP": (
        f"from [203.0.113.9] by web101.mail.example.com via HTTP; {DATE}",
        {"from_": "[203.0.113.9]", "by": "web101.mail.example.com", "via": "HTTP", "from_ip": "203.0.113.9"},
    ),
    "squirrelmail": (
        f"from 203.0.113.9\r\n (SquirrelMail authenticated user alice)\r\n by webmail.crepes.fr with HTTP;\r\n {DATE}",
        {"from_": "203.0.113.9", "by": "webmail.crepes.fr", "with_": "HTTP", "from_ip": "203.0.113.9"}
        | {"authenticated": True},
    ),
    "via after with and id": (
        f"from a.org (a.org [192.0.2.1]) by b.org with ESMTP id 7 via TCP for <x@b.org>; {DATE}",
        {"from_": "a.org", "by": "b.org", "with_": "ESMTP", "id": "7", "via": "TCP", "for_": "x@b.org", "esmtp": True}
        | {"from_ip": "192.0.2.1", "helo": "a.org", "rdns": "a.org"},
    ),
    "by before from": (
        f"by b.org from a.org ([192.0.2.1]); {DATE}",
        {"from_": "a.org", "by": "b.org", "from_ip": "192.0.2.1", "helo": "a.org"},
    ),
    "no blank before comments": (
        f"from a.org([192.0.2.1])by b.org(Postfix)with SMTP(x);{DATE}",
        {"from_": "a.org", "by": "b.org", "with_": "SMTP", "from_ip": "192.0.2.1", "helo": "a.org"},
    ),
    "keywords inside words and comments": (
        f"from by.example.org (from with by for id; [192.0.2.1]) by with.example.org with SMTP id for-1; {DATE}",
        {"from_": "by.example.org", "by": "with.example.org", "with_": "SMTP", "id": "for-1", "from_ip": "192.0.2.1"}
        | {"helo": "by.example.org"},
    ),
    "upper case": (
        f"FROM A.ORG BY B.ORG WITH SMTP ID 1 FOR <X@B.ORG>; {DATE}",
        {"from_": "A.ORG", "by": "B.ORG", "with_": "SMTP", "id": "1", "for_": "X@B.ORG", "helo": "A.ORG"},
    ),
    "quoted local part in for": (
        f'from a.org by b.org for <"john; doe"@b.org>; {DATE}',
        {"from_": "a.org", "by": "b.org", "for_": '"john; doe"@b.org', "helo": "a.org"},
    ),
    "SMTPUTF8": (
        f"from a.org by b.org with UTF8SMTPSA id 1 for <用户@例子.cn>; {DATE}",
        {"from_": "a.org", "by": "b.org", "with_": "UTF8SMTPSA", "id": "1", "for_": "用户@例子.cn", "helo": "a.org"}
        | {"esmtp": True, "tls": True, "authenticated": True},
    ),
    "missing semicolon": (
        f"from a.org by b.org with SMTP id 15.1.225.42 {DATE}",
        {"from_": "a.org", "by": "b.org", "with_": "SMTP", "id": "15.1.225.42", "helo": "a.org"}
        | {"defects": ["missing-semicolon"]},
    ),
    "two-digit year": (
        "from a.org by b.org; Mon, 3 Mar 25 13:00:00 +0100",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["date-format"]},
    ),
    "zone of RFC 822": (
        "from a.org by b.org; Mon, 3 Mar 2025 07:00:00 EST",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["date-format"]},
    ),
    "zone of JavaScript": (
        "from a.org by b.org; Mon, 3 Mar 2025 13:00:00 GMT+0100",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["date-format"]},
    ),
    "unknown zone": (
        "from a.org by b.org; Mon, 3 Mar 2025 12:00:00 XYZ",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "zone_known": False, "defects": ["date-format"]},
    ),
    "ISO timestamp": (
        "from a.org by b.org; 2025-03-03T12:00:00Z",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["date-format"]},
    ),
    "ISO timestamp without semicolon": (
        "from a.org by b.org 2025-03-03 13:00:00 +0100",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["missing-semicolon"]},
    ),
    "ctime": (
        "from a.org by b.org; Mon Mar  3 12:00:00 2025",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "zone_known": False, "defects": ["date-format"]},
    ),
    "one more semicolon": (
        f"from a.org by b.org; {DATE};",
        {"from_": "a.org", "by": "b.org", "helo": "a.org"},
    ),
    "unclosed comment": (
        f"from a.org (a.org [192.0.2.1] by b.org (Postfix) with SMTP; {DATE}",
        {
            "from_": "a.org a.org",
            "by": "b.org",
            "with_": "SMTP",
            "from_ip": "192.0.2.1",
            "defects": ["unclosed-comment"],
        },
    ),
    "deep comment with escapes": (
        f"from a.org (one (two (three [192.0.2.1] \\) ))) by b.org; {DATE}",
        {"from_": "a.org", "by": "b.org", "from_ip": "192.0.2.1", "helo": "a.org"},
    ),
    "unclosed quotation mark": (
        f'from "a.org by b.org; {DATE}',
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["unclosed-quoted-string"]},
    ),
    "stray parenthesis": (
        f"from a.org ) by b.org; {DATE}",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["stray-parenthesis"]},
    ),
    "empty from": (
        f"from by b.org; {DATE}",
        {"by": "b.org", "defects": ["empty-clause"]},
    ),
    "two paths": (
        f"from a.org by b.org for <x@b.org> for <y@b.org>; {DATE}",
        {"from_": "a.org", "by": "b.org", "for_": "x@b.org", "helo": "a.org", "defects": ["repeated-clause"]},
    ),
    "two paths in one for": (
        f"from a.org by b.org for <x@b.org>, <y@b.org>; {DATE}",
        {"from_": "a.org", "by": "b.org", "for_": "x@b.org", "helo": "a.org"},
    ),
    "haraka": (
        f"from a.org (unknown [192.0.2.1]) by b.org (Haraka/3.0) with ESMTPA id A1.1 envelope-from <a@a.org>"
        f" (authenticated bits=0); {DATE}",
        {"from_": "a.org", "by": "b.org", "with_": "ESMTPA", "id": "A1.1", "from_ip": "192.0.2.1", "helo": "a.org"}
        | {"esmtp": True, "authenticated": True},
    ),
    "courier": (
        f"from a.org (a.org [192.0.2.1]) (AUTH: PLAIN alice, TLS: TLSv1.3,256bits,AES256) by b.org with esmtp; {DATE}",
        {"from_": "a.org", "by": "b.org", "with_": "esmtp", "from_ip": "192.0.2.1", "helo": "a.org", "rdns": "a.org"}
        | {
            "esmtp": True,
            "tls": True,
            "authenticated": True,
            "cipher": "AUTH: PLAIN alice, TLS: TLSv1.3,256bits,AES256",
        },
    ),
    "mimecast": (
        f"from a.org (a.org [192.0.2.1]) (Using TLS) by b.org with ESMTP id uk-mta-1; {DATE}",
        {"from_": "a.org", "by": "b.org", "with_": "ESMTP", "id": "uk-mta-1", "from_ip": "192.0.2.1", "helo": "a.org"}
        | {"rdns": "a.org", "esmtp": True, "tls": True, "cipher": "Using TLS"},
    ),
    "words before the clauses": (
        f"hello world by b.org; {DATE}",
        {"by": "b.org", "defects": ["text-before-clauses"]},
    ),
}
DIALECTS |= {
    "semicolon before the clauses end": (
        f"from evil;Mon, 1 Jan 2024 00:00:00 +0000 (fake) ([192.0.2.99]) by laptop with SMTP id 0; {DATE}",
        {"from_": "evil", "by": "laptop", "with_": "SMTP", "id": "0", "helo": "evil", "defects": ["stray-semicolon"]},
    ),
    "words between semicolon and date": (
        f"from a.org by b.org; sent on {DATE}",
        {"from_": "a.org", "by": "b.org", "helo": "a.org", "defects": ["text-around-date"]},
    ),
    "exim with port, and a name in an address": (
        f"from [192.0.2.77] (port=51234 helo=[10.example])\r\n\tby relay.example with esmtpsa (TLS1.2:ECDHE:256)\r\n"
        f"\t(Exim 4.96) (envelope-from <alice@crepes.fr>)\r\n\tid 1u0GhS-0005Tg-2z; {DATE}",
        {"from_": "[192.0.2.77]", "by": "relay.example", "with_": "esmtpsa", "id": "1u0GhS-0005Tg-2z"}
        | {"from_ip": "192.0.2.77", "helo": "[10.example]", "esmtp": True, "tls": True, "authenticated": True}
        | {"cipher": "TLS1.2:ECDHE:256"},
    ),
    "qpsmtpd": (
        "from kitchen.crepes.fr (HELO laptop) (alice@192.0.2.77)\r\n  by smtp.crepes.fr (qpsmtpd/0.96) with "
        f"(AES256-SHA encrypted) ESMTPSA; {DATE}",
        {"from_": "kitchen.crepes.fr", "by": "smtp.crepes.fr", "with_": "ESMTPSA", "from_ip": "192.0.2.77"}
        | {"helo": "laptop", "rdns": "kitchen.crepes.fr", "esmtp": True, "tls": True, "authenticated": True},
    ),
}
NOTHING = dict.fromkeys(("from_", "by", "with_", "id", "for_", "via", "from_ip", "helo", "rdns", "cipher"))
PLAIN = {"zone_known": True, "esmtp": False, "tls": False, "authenticated": False, "defects": [], "time": NOON}


def seen(hop: Hop) -> dict[str, Any]:
    found = {name: getattr(hop, name) for name in (*NOTHING, *PLAIN)}
    return found | {"defects": [defect.kind for defect in hop.defects]}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialect(dialect: str) -> None:
    value, expected = DIALECTS[dialect]
    (hop,) = trace(f"Received: {value}\r\n\r\n".encode()).hops
    assert seen(hop) == NOTHING | PLAIN | expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_thing_said_has_its_place(dialect: str) -> None:
    raw = f"Received: {DIALECTS[dialect][0]}\r\n\r\n".encode()
    (hop,) = trace(raw).hops
    said = {name: value for name, value in hop.to_json().items() if name in hop.places and name != "time"}
    said |= {"via": hop.via, "rdns": hop.rdns}
    there = {name: raw[slice(*span)].decode() for name, span in hop.places.items()}
    date = parse_date(there.pop("time").encode())
    assert date is not None and date.utc == hop.time
    assert {name: re.sub(r"[\s(]+", " ", text) for name, text in there.items()} == {k: v for k, v in said.items() if v}
    assert set(there) >= {
        name for name in ("from", "by", "with", "id", "for", "from_ip", "helo") if hop.to_json()[name]
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_unfolded_or_with_bare_lf_it_says_the_same(dialect: str) -> None:
    value, expected = DIALECTS[dialect]
    for other in (value.replace("\r\n", ""), value.replace("\r\n", "\n")):
        (hop,) = trace(f"Received: {other}\n\n".encode()).hops
        assert seen(hop)["from_ip"] == expected.get("from_ip")
        assert (hop.by, hop.id, hop.time) == (expected.get("by"), expected.get("id"), NOON)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_quick_way_reads_what_the_tolerant_way_reads(dialect: str) -> None:
    value = DIALECTS[dialect][0].encode()
    quick = read_regular(value.decode("latin-1"), 0, len(value))
    assert quick in (None, read_tolerantly(value, 0, len(value)))


@pytest.mark.parametrize(
    "value",
    [
        f"from a.org (b.org ) by c.org; {DATE}",
        f"from a.org (b.org. [192.0.2.1]) by c.org; {DATE}",
        f"from a.org (1.2.3.400 [192.0.2.1]) by c.org; {DATE}",
        f"from a.org (unknown.b.org [192.0.2.1]) by c.org; {DATE}",
        f"from a.org ({'b' * 300}.org [192.0.2.1]) by c.org; {DATE}",
        f"from a.org by web1 over TLS secured channelwith SMTP; {DATE}",
        f"from a.org by caf\u00e9.fr (\u4e2d) with SMTP; {DATE}",
        f"from a.org by b.org for x@b.org, ; {DATE}",
        "from a.org by b.org; Mon, 3 Mar 2025 24:00:00 +0000",
        "from a.org by b.org; Mon, 3 Mar 2025 23:59:60 +0000",
        "from a.org by b.org; Mon, 3 Mar 2025 12:00:00 +2359",
        "from a.org by b.org; Mon, 1 Jan 0001 00:00:00 +0100",
        "from a.org by b.org; Mon, 30 Feb 2025 12:00:00 -0330",
        "from a.org by b.org; Mon, 3 Mai 2025 12:00:00 +0100",
    ],
)
def test_the_quick_way_leaves_what_it_would_misread(value: str) -> None:
    octets = value.encode()
    assert read_regular(octets.decode("latin-1"), 0, len(octets)) in (None, read_tolerantly(octets, 0, len(octets)))


def test_the_quick_way_takes_the_common_dialects() -> None:
    common = (
        "postfix",
        "postfix with TLS and AUTH",
        "gmail inside",
        "gmail border",
        "dovecot LMTP",
        "amazon SES",
        "exchange",
        "exchange frontend",
        "IIS relay",
        "exchange mapi, version that looks like an address",
        "exim",
        "exim with a client that has no name",
        "exim with port, and a name in an address",
        "exim local",
        "qmail",
        "qmail with a bare address",
        "qmail invoked",
        "sendmail",
        "sendmail local",
        "zimbra LMTP",
        "postfix over IPv6",
    )
    for dialect in common:
        value = DIALECTS[dialect][0].encode()
        assert read_regular(value.decode("latin-1"), 0, len(value)) is not None, dialect


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("from a.org by b.org; yesterday", ["unreadable-date"]),
        ("from a.org by b.org; Mon, 33 Mar 2025 12:00:00 +0000", ["unreadable-date"]),
        ("from a.org by b.org;", ["unreadable-date"]),
        ("from a.org by b.org", ["missing-date"]),
        ("", ["missing-by", "missing-date"]),
        ("(((((((", ["missing-by"] + ["unclosed-comment"] * 7 + ["missing-date"]),
    ],
)
def test_a_time_that_cannot_be_read_is_none_and_a_defect(value: str, kinds: list[str]) -> None:
    (hop,) = trace(f"Received: {value}\r\n\r\n".encode()).hops
    assert hop.time is None
    assert not hop.zone_known
    assert sorted(defect.kind for defect in hop.defects) == sorted(kinds)


def test_defects_point_at_their_place() -> None:
    raw = b"Subject: x\r\nReceived: from a (b by c; Mon, 3 Mar 2025 12:00:00 GMT\r\n\r\n"
    unclosed, form = trace(raw).defects
    assert raw[unclosed.at :].startswith(b"(b by")
    assert raw[form.at :].startswith(b"Mon, 3")
    assert unclosed.rfc and unclosed.done and form.done == "read as 2025-03-03 12:00:00 UTC"


# --- paths ---


def chain(*stamps: str) -> bytes:
    """Write a header whose hops, oldest first, carry these stamps."""
    lines = [f"Received: from h{n} by h{n + 1} with SMTP; {stamp}\r\n" for n, stamp in enumerate(stamps)]
    return "".join(reversed(lines)).encode() + b"Subject: x\r\n\r\nbody\r\n"


def at(second: int, zone: str = "+0000", hour: int = 12) -> str:
    return f"Mon, 3 Mar 2025 {hour}:00:{second:02} {zone}"


def test_hops_come_in_travel_order_with_signed_delays() -> None:
    path = trace(chain(at(10), at(13, "+0100", 13), at(5), at(5)))
    assert [hop.from_ for hop in path] == ["h0", "h1", "h2", "h3"]
    assert [hop.delay_s for hop in path] == [None, 3.0, -8.0, 0.0]
    assert path.total_s == -5.0
    assert len(path) == 4
    assert path[0].by == "h1"


def test_an_unreadable_time_leaves_a_gap_and_never_a_zero() -> None:
    path = trace(chain(at(0), "soon", "later", at(30), at(31)))
    assert [hop.delay_s for hop in path] == [None, None, None, None, 1.0]
    assert path.gaps == (Gap(0, 3, 30.0),)
    assert path.total_s == 31.0


@pytest.mark.parametrize("stamps", [(), (at(0),), ("soon", at(0)), ("soon", "later")])
def test_fewer_than_two_times_measure_nothing(stamps: tuple[str, ...]) -> None:
    path = trace(chain(*stamps))
    assert path.total_s is None
    assert path.gaps == ()


def test_a_zone_unknown_counts_as_utc_and_says_so() -> None:
    path = trace(chain(at(0, "-0000"), at(4)))
    assert [hop.zone_known for hop in path] == [False, True]
    assert path.hops[1].delay_s == 4.0
    assert "12:00:00 ?" in str(path)


def test_only_received_counts() -> None:
    raw = (
        b"Delivered-To: b@b.org\r\nX-Received: by 10.0.0.1; " + at(9).encode() + b"\r\n"
        b"RECEIVED: from b by c; " + at(2).encode() + b"\r\n"
        b"ARC-Seal: i=1\r\nX-Original: x\r\n Received: from a fold\r\nReceived-SPF: pass\r\n"
        b"received : from a by b; " + at(1).encode() + b"\r\n\r\nReceived: from the body; " + at(3).encode() + b"\r\n"
    )
    path = trace(raw)
    assert [(hop.from_, hop.by) for hop in path] == [("a", "b"), ("b", "c")]
    assert path.total_s == 1.0


def test_marks_stand_between_the_hops_and_are_none() -> None:
    raw = (
        b"Return-Path: <a@a.org>\r\nDelivered-To: b@b.org\r\n"
        b"X-Received: from x ([192.0.2.7]) by y with SMTP id 1; " + at(9).encode() + b"\r\n"
        b"Received: from b by c; " + at(2).encode() + b"\r\nARC-Seal: i=1;\r\n b=x\r\nReceived-SPF: pass\r\n"
        b"Received: from a by b; " + at(1).encode() + b"\r\nDKIM-Signature: v=1\r\nSubject: ARC-Seal: no\r\n\r\n"
        b"Return-Path: <of.the@body>\r\n"
    )
    path = trace(raw)
    assert [(mark.hops, mark.name) for mark in path.marks] == [
        (0, "DKIM-Signature"),
        (1, "Received-SPF"),
        (1, "ARC-Seal"),
        (2, "X-Received"),
        (2, "Delivered-To"),
        (2, "Return-Path"),
    ]
    seal, x_received = path.marks[2:4]
    assert (seal.value, seal.reading, seal.raw) == ("i=1; b=x", None, b"ARC-Seal: i=1;\r\n b=x\r\n")
    assert raw[slice(*seal.span)] == seal.raw
    assert x_received.reading is not None and x_received.reading.from_ip == "192.0.2.7"
    assert path.total_s == 1.0


def test_time_since_the_first_stamp_and_the_bounds_of_each_delay() -> None:
    path = trace(chain(at(0), "soon", "later", at(30), at(28)))
    assert path.elapsed_s == (0.0, None, None, 30.0, 28.0)
    assert path.bounds == (None, (0.0, 31.0), (0.0, 31.0), (0.0, 31.0), (-3.0, -1.0))
    backwards = trace(chain(at(30), "soon", at(0)))
    assert backwards.bounds == (None, None, None), "clocks that disagree enclose nothing"


def test_several_fields_of_one_host_all_count() -> None:
    raw = chain(at(1)).replace(
        b"Subject", b"Received: from localhost by h1 (amavis); " + at(0).encode() + b"\r\nSubject"
    )
    assert [hop.by for hop in trace(raw)] == ["h1", "h1"]


def test_octets_add_up_to_the_fields() -> None:
    raw = chain(at(1), at(2), at(3))
    path = trace(raw)
    assert sum(hop.octets for hop in path) == raw.index(b"Subject")
    assert b"".join(raw[slice(*hop.span)] for hop in reversed(path.hops)) == raw[: raw.index(b"Subject")]
    assert path[0].raw == raw[slice(*path[0].span)]


def test_a_hop_shows_its_field_and_not_the_whole_letter() -> None:
    (hop,) = trace(chain(at(1)))
    assert repr(hop).startswith("Hop(Reading(from_='h0', by='h1', with_='SMTP'")
    assert "body" not in repr(hop)


def test_clauses_carry_their_spans() -> None:
    value, _ = DIALECTS["exim"]
    raw = f"Subject: x\r\nReceived: {value}\r\n\r\n".encode()
    (hop,) = trace(raw).hops
    found = {clause.name: raw[slice(*clause.span)].decode() for clause in hop.clauses}
    assert found["from"] == "from mail.crepes.fr ([192.0.2.1]:48432 helo=laptop.local)"
    assert found["tls"].startswith("tls TLS_AES_256_GCM_SHA384")
    assert found["for"] == "for bob@example.org"
    assert list(found) == ["from", "by", "with", "tls", "id", "for"]


def test_with_keywords_follow_the_registry() -> None:
    """RFC 3848 §1, RFC 6531 §4.3."""
    for keyword in ("ESMTP", "LMTP", "UTF8SMTP", "UTF8LMTP"):
        for suffix, (tls, login) in {"": (0, 0), "A": (0, 1), "S": (1, 0), "SA": (1, 1)}.items():
            protocol = PROTOCOLS[keyword + suffix]
            assert (protocol.tls, protocol.authenticated) == (bool(tls), bool(login))
            assert protocol.esmtp == ("SMTP" in keyword)
    assert PROTOCOLS["SMTP"] == (False, False, False)


@pytest.mark.parametrize(
    ("word", "ip"),
    [
        ("[192.0.2.1]", "192.0.2.1"),
        ("192.0.2.1:25", "192.0.2.1"),
        ("[192.0.2.1]:25", "192.0.2.1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("[ipv6:::ffff:192.0.2.1]", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("256.1.1.1", None),
        ("1.2.3", None),
        ("1.2.3.4.5", None),
        ("12:34:56", None),
        (":" * 60, None),
        ("1" * 10000, None),
    ],
)
def test_addresses(word: str, ip: str | None) -> None:
    assert find_ip(word) == ip


# --- how a path shows, and where it comes from ---


def test_the_table() -> None:
    raw = chain(at(0), at(5), "soon").replace(
        b"h2 with", b"a-host-with-a-name-of-more-than-thirty-letters.example with"
    )
    assert str(trace(raw)) == (
        "hop  from  by                              with  time (UTC)           delay  octets\n"
        "  1  h0    h1                              SMTP  2025-03-03 12:00:00             67\n"
        "  2  h1    a-host-with-a-name-of-more-th…  SMTP  2025-03-03 12:00:05   +5 s     119\n"
        "  3  h2    h3                              SMTP  unreadable               ?      41\n"
        "total 5 s over 3 hops"
    )
    assert str(trace(b"Subject: x\r\n\r\n")) == "no Received fields: the letter has not travelled yet"
    hostile = str(trace(b"Received: from \x1b[2J by \xe2\x80\xae; soon\n\n"))
    assert not {"\x1b", "\u202e"} & set(hostile)


def test_json_follows_the_contract() -> None:
    raw = chain(at(0), at(5), "soon")
    found = json.loads(json.dumps(trace(raw).to_json()))
    assert found["total_s"] == 5.0
    assert found["hops"][1] == {
        "from": "h1",
        "by": "h2",
        "with": "SMTP",
        "id": None,
        "for": None,
        "time": "2025-03-03T12:00:05Z",
        "delay_s": 5.0,
        "from_ip": None,
        "helo": "h1",
        "span": [41, 108],
        "defects": [],
    }
    assert found["hops"][2]["time"] is None
    assert found["hops"][2]["defects"] == [{"kind": "unreadable-date", "at": 35}]
    assert trace(b"").to_json() == {"hops": [], "total_s": None}


def test_sources(tmp_path: Path) -> None:
    raw = chain(at(0), at(5))
    path = tmp_path / "letter.eml"
    path.write_bytes(raw)
    with path.open("rb") as file:
        for source in (path, str(path), file, io.BytesIO(raw), email.message_from_bytes(raw, policy=default)):
            assert trace(source).total_s == 5.0
    assert trace(b"From alice Mon Mar  3 12:00:00 2025\n" + raw).total_s == 5.0
    with pytest.raises(FileNotFoundError):
        trace(tmp_path / "missing.eml")
