r"""What is in a mail store's file, and how does a file of an older emaillab become one of today's?

A store is one SQLite database, `mail.sqlite` in the host's data folder, or the same tables in memory. SQLite's own
fields in the header say whose it is: `application_id` is "emlb", `user_version` the format. The tables:

- `account`: a user and the password.
- `mailbox`: a user's mailbox, or that of nobody (account 0) once it is deleted, so that its UIDVALIDITY stays used.
  `uid_next`, `highest_modseq` and the numbers about its messages are written once for each commit. What was expunged
  up to the mod-sequence `forgotten` is known no more.
- `message`: a message's place in a mailbox: its UID, flags (separated by spaces), internal date, the mod-sequence of
  its last change, and whether its octets end with CRLF.
- `content`: a letter's octets, once, however many mailboxes hold it; `holders` counts them.
- `expunged`: which UIDs went, a row for each run of them, and the mod-sequence of their going.
- `subscription`: names that a user wants to see in a list, whether there is such a mailbox or not.
- `letter`, `recipient`: the outgoing queue: envelopes, contents, and how the delivery to each recipient stands.

Moments are microseconds from 1970, UTC. Format 2 added subscriptions; format 3 the recipients' wishes (RFC 3461),
mod-sequences, tombstones and numbers (RFC 7162). An older file gets what it lacks when it is opened, in one
transaction: a crash in the middle leaves the file as it was.

>>> connection = sqlite3.connect(":memory:", isolation_level=None)
>>> bring_up_to_date(connection, 0)
>>> connection.execute("PRAGMA user_version").fetchone()
(3,)
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x656D6C62  # "emlb"
FORMAT = 3

TABLES = """
CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL, password TEXT NOT NULL);
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL, name TEXT NOT NULL,
    uid_validity INTEGER NOT NULL, uid_next INTEGER NOT NULL,
    highest_modseq INTEGER NOT NULL DEFAULT 1, forgotten INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0, unseen INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE content (id INTEGER PRIMARY KEY, holders INTEGER NOT NULL, raw BLOB NOT NULL);
CREATE TABLE message (
    mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, content INTEGER NOT NULL,
    size INTEGER NOT NULL, internal_date INTEGER NOT NULL, flags TEXT NOT NULL,
    modseq INTEGER NOT NULL DEFAULT 1, ended INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE TABLE expunged (
    mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL, first_uid INTEGER NOT NULL, last_uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, first_uid)
) WITHOUT ROWID;
CREATE TABLE subscription (
    account INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE letter (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reverse_path TEXT NOT NULL, body TEXT NOT NULL,
    arrived_at INTEGER NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL,
    ret TEXT NOT NULL DEFAULT '', envid TEXT NOT NULL DEFAULT '', smtputf8 INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE recipient (
    letter TEXT NOT NULL, place INTEGER NOT NULL, forward_path TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at INTEGER, last_reply TEXT NOT NULL,
    notify TEXT NOT NULL DEFAULT '', orcpt TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (letter, place)
) WITHOUT ROWID;
"""

SUBSCRIPTIONS = """
CREATE TABLE subscription (
    account INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
"""

WISHES = """
ALTER TABLE letter ADD COLUMN ret TEXT NOT NULL DEFAULT '';
ALTER TABLE letter ADD COLUMN envid TEXT NOT NULL DEFAULT '';
ALTER TABLE letter ADD COLUMN smtputf8 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recipient ADD COLUMN notify TEXT NOT NULL DEFAULT '';
ALTER TABLE recipient ADD COLUMN orcpt TEXT NOT NULL DEFAULT '';
"""

NUMBERS = r"""
ALTER TABLE message ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE message ADD COLUMN ended INTEGER NOT NULL DEFAULT 1;
ALTER TABLE mailbox ADD COLUMN highest_modseq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE mailbox ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
CREATE TABLE expunged (
    mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL, first_uid INTEGER NOT NULL, last_uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, first_uid)
) WITHOUT ROWID;
UPDATE message SET ended = coalesce(
    (SELECT length(raw) = 0 OR substr(raw, -2) = x'0D0A' FROM content WHERE content.id = message.content), 1
);
UPDATE mailbox SET (messages, unseen, deleted, size) = (
    SELECT count(*), count(*) FILTER (WHERE instr(' ' || flags || ' ', ' \Seen ') = 0),
           count(*) FILTER (WHERE instr(' ' || flags || ' ', ' \Deleted ') > 0), coalesce(sum(message.size), 0)
    FROM message WHERE mailbox = mailbox.id
);
"""

NEWS = {2: SUBSCRIPTIONS, 3: WISHES + NUMBERS}
"""What each format has that the one before had not; TABLES has it all."""


def bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    """Give a file of an older format what it lacks, and an empty one (version 0) everything: all of it or nothing."""
    news = [script for number, script in NEWS.items() if number > version] if version else [TABLES]
    if news:
        done = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
        connection.executescript("\n".join(["BEGIN IMMEDIATE;", *news, done, "COMMIT;"]))
