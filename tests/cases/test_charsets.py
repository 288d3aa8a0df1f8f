"""Texts as real mail declares them: names of charsets that few know, damaged octets, the characters of larger sets."""

from __future__ import annotations

import difflib
from base64 import b64encode
from pathlib import Path

import pytest
import webencodings

from emaillab.host.webmail.reading import read, summarise
from emaillab.message.header.encoded_words import decode_words
from emaillab.message.header.fields import parse_header
from emaillab.message.header.parameters import parse_parameters
from emaillab.message.mime.dissect import dissect
from emaillab.message.octets.charsets import decode_raw, decode_text
from emaillab.message.octets.labels import python_codec
from emaillab.message.user_agent.original import Original

LETTERS = Path(__file__).parent / "letters"
GAP = "\N{REPLACEMENT CHARACTER}"

# --- given letters ---

GIVEN = [
    ("body-one-bad-octet-short", f"áh b{GAP}h\r\n", "damaged"),
    ("body-iso2022jp-nec", "こんにちは①\r\n", "superset"),
    ("charset-windows-31j", "髙橋①\r\n", "declared"),
    ("charset-ks_c_5601-1989", "안녕하세요\r\n", "declared"),
    ("charset-gb_2312-80", "你好世界\r\n", "declared"),
    ("charset-windows-874", "สวัสดี\r\n", "declared"),
]


@pytest.mark.parametrize(("name", "text", "step"), GIVEN)
def test_given_texts(name: str, text: str, step: str) -> None:
    raw = (LETTERS / f"{name}.eml").read_bytes()
    part = dissect(raw)
    assert (part.text, part.text_decoding.step) == (text, step)
    assert "charset-unknown" not in [defect.kind for defect in part.defects]
    assert read(raw).text == text.strip()


@pytest.mark.parametrize(
    ("name", "subject"), [("word-truncated-char", f"你好{GAP}"), ("word-iso2022jp-ms", "こんにちは")]
)
def test_given_subjects(name: str, subject: str) -> None:
    raw = (LETTERS / f"{name}.eml").read_bytes()
    assert parse_header(raw).text("Subject") == summarise(raw).subject == subject


# --- names ---

# One per line: Python's codec, and names of it, registered, known to browsers, or only written.
NAMES = """
    ascii            us-ascii ANSI_X3.4-1968 iso-ir-6 ISO646-US csASCII us cp367
    iso8859-1        iso-8859-1 ISO_8859-1:1987 iso-ir-100 latin1 l1 csISOLatin1 IBM819 iso8859_1 8859-1
    iso8859-2        ISO-8859-2 csISOLatin2 iso-ir-101 l2
    iso8859-5        ISO_8859-5:1988 cyrillic csISOLatinCyrillic
    iso8859-8        iso-8859-8-i iso-8859-8-e csISO88598I logical visual hebrew
    iso8859-10       ISO_8859-10:1992 latin6 l6 csISOLatin6
    iso8859-14       iso-celtic l8 iso-ir-199
    iso8859-15       Latin-9 ISO_8859-15 csISO885915
    iso8859-16       iso-ir-226 latin10
    iso8859-11       ISO-8859-11 iso-8859-11
    tis-620          TIS-620 csTIS620 tis620
    cp874            windows-874 dos-874 cp874 cswindows874
    cp1251           windows-1251 x-cp1251 cswindows1251 win-1251 win1251
    cp1252           windows-1252 x-cp1252 ansi-1252 cp-1252
    cp850            IBM850 csPC850Multilingual cp-850 850
    cp858            IBM00858 CCSID00858 PC-Multilingual-850+euro
    cp437            IBM437 csPC8CodePage437
    cp775            IBM775 csPC775Baltic
    cp852            csPCp852
    cp862            csPC862LatinHebrew
    cp866            IBM866 csIBM866
    cp037            IBM037 ebcdic-cp-us csIBM037
    cp1140           IBM01140
    koi8-r           KOI8-R csKOI8R koi8 koi
    koi8-u           KOI8-U
    hp-roman8        hp-roman8 r8 csHPRoman8
    mac-roman        macintosh x-mac-roman csMacintosh mac
    mac-cyrillic     x-mac-cyrillic x-mac-ukrainian
    mac-greek        x-mac-greek
    ptcp154          PTCP154 csPTCP154 Cyrillic-Asian
    kz1048           KZ-1048 STRK1048-2002 RK1048
    utf-8            utf8 UTF_8 unicode-1-1-utf-8 csUTF8 x-unicode20utf8 utf-8mb4 cp65001 utf-8-mac
    utf-7            unicode-1-1-utf-7 x-unicode-2-0-utf-7 csUTF7
    utf-16-le        unicode ucs-2 iso-10646-ucs-2 csUnicode unicodefeff
    utf-16-be        unicodefffe csUTF16BE
    utf-32           ISO-10646-UCS-4 csUCS4
    gb2312           gb_2312-80 csISO58GB231280 iso-ir-58 chinese csGB2312 euc-cn
    gbk              x-gbk cp936 ms936 windows-936 csGBK
    gb18030          csGB18030 gb18030-2000
    hz               hz-gb-2312 hz-gb
    big5             csBig5 big5-eten x-x-big5 cn-big5
    big5hkscs        big5-hkscs csBig5HKSCS
    shift_jis        csShiftJIS MS_Kanji sjis-win sjis shift-jis
    cp932            windows-31j csWindows31J x-sjis ms932
    euc_jp           csEUCPkdFmtJapanese Extended_UNIX_Code_Packed_Format_for_Japanese eucJP-win eucJP-ms x-euc-jp
    iso2022_jp       csISO2022JP iso-2022-jp-ms csJISEncoding cp50221
    iso2022_kr       csISO2022KR iso-2022-kr
    euc_kr           KS_C_5601-1987 korean csEUCKR ks_c_5601
    cp949            ks_c_5601-1989 iso-ir-149 csKSC56011987 windows-949 x-windows-949 uhc
    johab            johab ms1361
"""
LINES = [line.split() for line in NAMES.split("\n") if line.strip()]
SAME = {
    "gb2312": ("gbk",),
    "cp949": ("euc_kr",),
    "euc_kr": ("cp949",),
    "big5": ("big5hkscs",),
    "shift_jis": ("cp932",),
}  # what one table calls the other


@pytest.mark.parametrize(("codec", "name"), [(codec, name) for codec, *names in LINES for name in names])
def test_charsets_are_known_by_all_their_names(codec: str, name: str) -> None:
    found = python_codec(name)
    assert found == codec or found in SAME.get(codec, ())
    for written in (f'"{name}"', f"'{name}'", f" {name} ", f"-{name}-", f"{name}-", name.upper(), f'"{name}'):
        assert python_codec(written) == found


def test_every_label_of_the_whatwg_is_known_but_those_that_hide_the_text() -> None:
    unknown = {label for label in webencodings.LABELS if python_codec(label) is None}
    assert unknown == {"replacement", "iso-2022-cn", "iso-2022-cn-ext", "x-user-defined"}


@pytest.mark.parametrize(
    "name",
    [
        "x-unknown",
        "unknown-8bit",
        "binary",
        "8bit",
        "iso-8859-99",
        "iso-8859-12",
        "utf-9",
        "none",
        "default",
        "-",
        "''",
        "unicode-escape",
    ],
)
def test_what_is_no_charset_is_none(name: str) -> None:
    assert python_codec(name) is None


def test_odd_names_count_wherever_a_charset_stands() -> None:
    assert decode_words(b'=?"x-sjis"?B?g0GDQw==?=') == "アイ"
    assert parse_parameters(b"attachment; filename*=-gb_2312-80-''%C4%E3.txt")[1] == {"filename": "你.txt"}
    part = dissect(b"Content-Type: text/plain; charset=\"'utf-8'-\"\r\n\r\n" + "é".encode())
    assert (part.text, part.text_decoding.step) == ("é", "declared")


def test_an_odd_name_is_not_passed_on() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=a\r\n"
    body = b'Content-Type: text/plain; charset="utf-8; name=evil.exe"\r\n\r\nhi\r\n--b--\r\n'
    assert [kind for _, _, kind in Original(head + body).attachments()] == ["text/plain"]


# --- damage ---

TEXTS = {
    "你好，世界。今天天气很好。": (
        "gb18030",
        "gbk",
        "gb2312",
        "hz",
        "utf-8",
        "utf-16",
        "utf-16-be",
        "utf-16-le",
        "utf-32",
    ),
    "会议": ("gb18030", "gbk", "gb2312", "hz", "utf-8", "utf-16", "utf-16-be"),
    "您好，世界！明天下午開會，請準時。": ("big5", "big5-hkscs", "cp950", "utf-8"),
    "會議": ("big5", "big5-hkscs", "cp950"),
    "こんにちは世界。明日の会議は10時です。": (
        *("shift_jis", "cp932", "shift_jis_2004", "euc-jp", "euc_jis_2004", "utf-8", "utf-16"),
        *("iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-3", "iso-2022-jp-ext"),
    ),
    "会議です": ("shift_jis", "euc-jp", "iso-2022-jp", "iso-2022-jp-3"),
    "안녕하세요 세계. 내일 회의가 있습니다.": ("euc-kr", "cp949", "utf-8"),
    "회의": ("euc-kr", "cp949", "johab"),
    "Árvíztűrő tükörfúrógép": ("utf-8",),
    "áh béh": ("utf-8",),
}
PAIRS = [(charset, text) for text, charsets in TEXTS.items() for charset in charsets]


def is_right(text: str, read_as: str) -> bool:
    """Tell whether nothing is lost but the character that was damaged, and nothing else stands in its place."""
    blocks = difflib.SequenceMatcher(None, text, read_as, autojunk=False).get_matching_blocks()
    kept = sum(block.size for block in blocks)
    others = [mark for mark in read_as if mark != GAP]
    return len(text) - kept <= 2 and len(others) - kept <= 1 and not set(read_as) & set("\x1b\x0e\x0f")


@pytest.mark.parametrize(("charset", "text"), PAIRS)
@pytest.mark.parametrize("damage", [b"\xff", b"\x80"])
def test_one_damaged_octet_costs_one_character(charset: str, text: str, damage: bytes) -> None:
    octets = text.encode(charset)
    for at in range(len(octets)):
        damaged = octets[:at] + damage + octets[at + 1 :]
        found, how = decode_text(damaged, charset)
        assert is_right(text, found), (at, found, how)


@pytest.mark.parametrize(("charset", "text"), PAIRS)
def test_a_text_that_is_cut_off_keeps_what_is_there(charset: str, text: str) -> None:
    octets = text.encode(charset)
    first = len(text[:1].encode(charset))
    for end in range(first, len(octets)):
        found, how = decode_text(octets[:end], charset)
        assert text.startswith(found.rstrip(GAP).rstrip("~")), (end, found, how)


@pytest.mark.parametrize(("charset", "text"), [pair for pair in PAIRS if pair[0] != "utf-32"])
def test_damage_in_encoded_words_and_parameters(charset: str, text: str) -> None:
    octets = text.encode(charset)
    middle = len(octets) // 2
    damaged = octets[:middle] + b"\xff" + octets[middle + 1 :]
    assert is_right(text, decode_words(b"=?%s?B?%s?=" % (charset.encode(), b64encode(damaged))))
    percent = b"".join(b"%%%02X" % octet for octet in damaged)
    assert is_right(text, parse_parameters(b"a; name*=%s''%s" % (charset.encode(), percent))[1]["name"])


@pytest.mark.parametrize(
    ("octets", "declared", "text", "step"),
    [
        ("áh b".encode() + b"\xe1h", "utf-8", f"áh b{GAP}h", "damaged"),
        (b"caf\xe9", "utf-8", "café", "latin-1"),
        ("你".encode()[:2], "utf-8", GAP, "damaged"),
        ("déjà vu, très drôle".encode("latin-1"), "gb2312", "déjà vu, très drôle", "latin-1"),
        ("café crème".encode("latin-1"), "gbk", "café crème", "latin-1"),
        ("Καλημέρα".encode("cp1253") + b"\xd2", "windows-1253", f"Καλημέρα{GAP}", "damaged"),
        ("你好".encode()[:5], None, f"你{GAP}", "damaged"),
        (b"\xe1\xe9 \xfa", None, "áé ú", "latin-1"),
    ],
)
def test_how_much_damage_speaks_against_the_charset(octets: bytes, declared: str | None, text: str, step: str) -> None:
    found, how = decode_text(octets, declared)
    assert (found, how.step, how.replacements) == (text, step, text.count(GAP))


def test_a_raw_header_that_is_cut_off_stays_utf_8() -> None:
    assert decode_raw("Grüße aus 北京".encode()[:-1]) == f"Grüße aus 北{GAP}"
    assert decode_raw("Grüße".encode("latin-1")) == "Grüße"
    assert decode_raw("小明".encode("gbk")) == "小明".encode("gbk").decode("latin-1")


# --- escape sequences ---


@pytest.mark.parametrize(
    ("octets", "declared", "text", "step"),
    [
        (b"\x1b$B$3$s-!\x1b(B", "iso-2022-jp", "こん①", "superset"),
        (b"\x1b$B-j-k|q\x1b(B", "iso-2022-jp", "㈱㈲ⅰ", "superset"),
        (b"\x1b$B$3\x1b(I1\x1b(B", "iso-2022-jp", "こｱ", "superset"),
        (b"\x1b$B$3$s\x1b(B \x1b[31m", "iso-2022-jp", f"こん {GAP}[31m", "damaged"),
        (b"\x1b$B$3$s\x1b", "iso-2022-jp", f"こん{GAP}", "damaged"),
        (b"\x1b$B$3$s-!", "iso-2022-jp", "こん①", "superset"),
        (b"\x1b$B$3$s-!\r\nabc\r\n", "iso-2022-jp", "こん①\r\nabc\r\n", "superset"),
        (b"\x1b$B$3$s-!\x1b(B", None, "こん①", "superset"),
        (b"\x1b$B$3$s\x1b(B", "us-ascii", "こん", "superset"),
        (b"\x1b$B$3$s\x1b(B", "x-unknown", "こん", "superset"),
        (b"?$B$3$s\x1b(B!", "iso-2022-jp", f"{GAP}こん!", "damaged"),
        ("こん".encode(), "iso-2022-jp", "こん", "utf-8"),
        (b"\x1b$)C\x0e>H3g\x0f!\x1b", "iso-2022-kr", f"안녕!{GAP}", "damaged"),
        (b"\x0e>H3g\x0f!", "iso-2022-kr", "안녕!", "superset"),
        (b"\x1b$)A\x0eDc:C\x0f!", "iso-2022-cn", "你好!", "superset"),
        (b"~{Dc:C~}!~~", "hz", "你好!~", "declared"),
        (b"~{Dc:C\xff~}!", "hz", f"你好{GAP}!", "damaged"),
        (b"{Dc:C~}!", "hz", f"{GAP}你好!", "damaged"),
        ("你好".encode("gbk"), "hz-gb-2312", "你好", "superset"),
        (b"\xa4\xa2\xad\xa1", "euc-jp", "あ①", "superset"),
        (b"+T2BZfQ", "utf-7", "你好", "declared"),
        (b"+T2BZf", "utf-7", f"你{GAP}", "damaged"),
        (b"\x1b[31mred\x1b[0m", "us-ascii", "\x1b[31mred\x1b[0m", "declared"),
    ],
)
def test_seven_bit_texts_are_read_by_their_sequences(octets: bytes, declared: str, text: str, step: str) -> None:
    found, how = decode_text(octets, declared)
    assert (found.rstrip("\0"), how.step) == (text, step)


def test_a_raw_header_in_iso_2022_jp_is_read() -> None:
    raw = b"Subject: \x1b$B$3$s\x1b(B!\r\n\r\n"
    assert parse_header(raw).text("Subject") == summarise(raw).subject == "こん!"


# --- Windows's characters ---


@pytest.mark.parametrize(
    ("octets", "declared", "text"),
    [
        (b"\x93hi\x94 \x80", "iso-8859-1", "“hi” €"),
        ("„čaj“".encode("cp1250"), "iso-8859-2", "„čaj“"),
        (b"\x8a\x9d\xbe", "iso-8859-2", "Šťľ"),
        ("Ġ".encode("iso8859-3") + b"\x93\x94", "iso-8859-3", "Ġ“”"),
        ("ķ".encode("iso8859-4") + b"\x84\x93", "iso-8859-4", "ķ„“"),
        ("Привет ".encode("iso8859-5") + b"\x97\x85", "iso-8859-5", "Привет —…"),
        ("مرحبا".encode("iso8859-6") + b"\x93", "iso-8859-6", "مرحبا“"),
        ("Καλή".encode("iso8859-7") + b"\x80", "iso-8859-7", "Καλή€"),
        ("שלום".encode("iso8859-8") + b"\x96", "iso-8859-8", "שלום–"),
        ("“ş”".encode("cp1254"), "iso-8859-9", "“ş”"),
        ("ð".encode("iso8859-10") + b"\x93", "iso-8859-10", "ð“"),
        ("สวัส".encode("tis-620") + b"\x85", "tis-620", "สวัส…"),
        ("สวัส".encode("tis-620") + b"\x93", "iso-8859-11", "สวัส“"),
        ("ų".encode("iso8859-13") + b"\x84", "iso-8859-13", "ų„"),
        ("ŵ".encode("iso8859-14") + b"\x92", "iso-8859-14", "ŵ’"),
        ("€".encode("iso8859-15") + b"\x96", "iso-8859-15", "€–"),
        ("ș".encode("iso8859-16") + b"\x84", "iso-8859-16", "ș„"),
        (b"\x93hi\x94", None, "“hi”"),
        (b"\x93hi\x94", "utf-8", "“hi”"),
        (b"\x93hi\x94", "x-unknown", "“hi”"),
    ],
)
def test_windows_octets_are_no_control_characters(octets: bytes, declared: str | None, text: str) -> None:
    assert decode_text(octets, declared)[0] == text


# --- UTF-16 ---


def test_utf_16_without_a_mark_is_read_the_same_on_every_machine() -> None:
    assert decode_text("你好 ok".encode("utf-16-be"), "utf-16")[0] == "你好 ok"
    assert decode_text("你好 ok".encode("utf-16-le"), "utf-16")[0] == "你好 ok"
    assert decode_text("你好".encode("utf-16-be"), "utf-16")[0] == "你好"
    assert decode_text(b"ASCII text all the same\r\n", "utf-16")[1].step == "utf-8"
    words = [b"=?utf-16?B?%s?=" % b64encode(half.encode("utf-16")) for half in ("你好", "世界")]
    assert decode_words(b"\r\n ".join(words)) == "你好世界"


@pytest.mark.parametrize("sequence", [b"\x1b$B", b"\x1b(J", b"\x1b$)C"])
def test_a_sequence_within_a_picture_is_there_by_chance(sequence: bytes) -> None:
    picture = bytes(range(256)) * 20 + sequence + bytes(range(255, -1, -1)) * 20
    part = dissect(b"Content-Type: image/jpeg\r\nContent-Transfer-Encoding: binary\r\n\r\n" + picture)
    assert (part.text, part.text_decoding.step) == (picture.decode("latin-1"), "latin-1")
    assert decode_raw(picture) == picture.decode("latin-1")


def test_a_damaged_text_that_names_no_charset_is_read_by_its_sequences() -> None:
    part = dissect(b"Content-Type: text/plain\r\n\r\n\x1b$B$3\xff$s\x1b(B!\r\n")
    assert part.text_decoding.step == "damaged"
    assert part.text == "こ�ん!\r\n"
