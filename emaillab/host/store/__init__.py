"""What one mail host must not forget: accounts, their mailboxes, the messages in them, and the outgoing queue."""

from emaillab.host.store.account import INBOX, StoredAccount
from emaillab.host.store.errors import StoreError
from emaillab.host.store.mailbox import StoredMailbox
from emaillab.host.store.outgoing import QueuedLetter, QueuedRecipient, QueueStore
from emaillab.host.store.store import Store
from emaillab.host.store.work import StoredWork

__all__ = [
    "INBOX",
    "QueueStore",
    "QueuedLetter",
    "QueuedRecipient",
    "Store",
    "StoreError",
    "StoredAccount",
    "StoredMailbox",
    "StoredWork",
]
