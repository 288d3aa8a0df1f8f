"""A letter on its way out: kept until it is known to be elsewhere, and never held up by another's next host."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from emaillab.host import runners
from emaillab.host.dispatch import Dial, DispatchOptions
from emaillab.host.mailhost import MailHost
from emaillab.host.runners import Runners
from emaillab.host.store import Store, StoreError
from emaillab.net.clock import Clock, VirtualClock, WallClock
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope

LETTER = b"From: alice@crepes.fr\r\nSubject: hi\r\n\r\nhello\r\n"
WHOLE = [b"220 x", b"250 x", b"250 ok", b"250 ok", b"354 go on", b"250 kept", b"221 bye"]
SOON_S = 20.0  # what happens at once, on a busy machine too


class Peer:
    """A next host that says its lines, whatever it hears; a gate among them is waited for."""

    def __init__(self, *said: bytes | threading.Event) -> None:
        self.said, self.heard = list(said), list[bytes]()
        self.closed = threading.Event()
        self.allowed: list[float] = []

    def send(self, data: bytes) -> None:
        self.heard.append(data)

    def allow(self, seconds: float) -> None:
        self.allowed.append(seconds)

    def readline(self, limit: int = 8192) -> bytes:
        while self.said and isinstance(self.said[0], threading.Event):
            while not self.said[0].wait(0.01):
                if self.closed.is_set():
                    raise ConnectionError("the connection is closed")
            self.said.pop(0)
        if not self.said:
            raise ConnectionError("the server closed the connection")
        line = self.said.pop(0)
        assert isinstance(line, bytes)
        return line + b"\r\n"

    def close(self) -> None:
        self.closed.set()

    @property
    def took(self) -> int:
        """How often it was given the letter."""
        return sum(data.endswith(b"\r\n.\r\n") for data in self.heard)


def new_host(clock: Clock, store: Store | None = None, **routes: str) -> MailHost:
    options = DispatchOptions(routes or {"*": "smart.example"})
    host = MailHost("crepes.fr", ip="192.0.2.25", clock=clock, store=store, dispatch=options)
    host.add_user("alice", "secret")
    return host


def accept(host: MailHost, *to: str, content: bytes = LETTER) -> str:
    session = Session(host.name, "203.0.113.5", helo="x", esmtp=True, now=host.now, user="alice")
    queue_id = host.accept(session, Envelope.plain("alice@crepes.fr", *to), content)
    host.store.commit()
    return queue_id


class Running:
    """Runners with the thread that turns them."""

    def __init__(self, host: MailHost, dial: Dial, most: int = 50) -> None:
        self.bell: SimpleQueue[None] = SimpleQueue()
        self.runners = Runners(host.dispatch, dial, lambda: self.bell.put(None), most)

    def until(self, done: Callable[[], bool]) -> None:
        """Turn until something has come about."""
        end_s = time.monotonic() + SOON_S
        self.runners.turn()
        while not done():
            assert time.monotonic() < end_s, "it did not come about"
            with contextlib.suppress(Empty):
                self.bell.get(timeout=self.runners.wait_s(0.2))
            self.runners.turn()


@pytest.fixture
def stopped() -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for one in running:
        one.runners.stop()


class TestInTurn:
    def test_what_an_attempt_came_to_is_committed(self, tmp_path: Path) -> None:
        """Else a letter that the next host has would be sent again after a power cut."""
        store = Store(tmp_path)
        host = new_host(VirtualClock(), store)
        accept(host, "bob@hamburger.edu")
        accept(host, "carol@hamburger.edu")
        peers = iter([Peer(*WHOLE), Peer(*WHOLE[:3], b"450 4.2.1 later", b"250 reset")])
        assert host.run_queue(lambda exchange, cause: next(peers)) == 2
        store.close()  # what is not committed is lost
        with Store(tmp_path) as again:
            [letter] = again.queued()
        assert [(one.forward_path, one.attempts, one.last_reply) for one in letter.recipients] == [
            ("carol@hamburger.edu", 1, "450 4.2.1 later")
        ]

    def test_a_host_has_ten_minutes_after_the_dot(self) -> None:
        """Who gives up there sends the letter again. Source: RFC 5321 §4.5.3.2.6, RFC 1047."""
        host, peer = new_host(VirtualClock()), Peer(*WHOLE)
        accept(host, "bob@hamburger.edu")
        host.run_queue(lambda exchange, cause: peer)
        assert peer.allowed[0] == 300 and peer.allowed[-3:-1] == [600, 10] and 120 in peer.allowed

    def test_a_report_is_committed_with_the_end_of_its_letter(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        host = new_host(VirtualClock(), store)
        accept(host, "bob@hamburger.edu")
        host.run_queue(lambda exchange, cause: Peer(*WHOLE[:3], b"550 5.1.1 who?", b"250 reset"))
        store.close()
        with Store(tmp_path) as again:
            assert not again.queued()
            account = again.account("alice")
            assert account is not None and len(account.inbox.entries()) == 1

    def test_a_defect_of_ours_costs_one_attempt(self) -> None:
        host = new_host(VirtualClock())
        accept(host, "bob@hamburger.edu")
        accept(host, "carol@hamburger.edu")
        answers = iter([ZeroDivisionError("a defect"), Peer(*WHOLE)])

        def dial(exchange: str, cause: str | None) -> object:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        assert host.run_queue(dial) == 2
        [letter] = host.queue.letters()
        assert letter.recipients[0].last_reply == "451 4.3.0 crepes.fr could not hand the letter on: a defect"
        assert len(host.dispatch.errors) == 1

    def test_an_interrupted_run_forgets_nothing(self) -> None:
        host = new_host(VirtualClock())
        accept(host, "bob@hamburger.edu")

        def interrupted(exchange: str, cause: str | None) -> object:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            host.run_queue(interrupted)
        assert host.run_queue(lambda exchange, cause: Peer(*WHOLE)) == 1
        assert not len(host.queue)


class TestAStoreThatFails:
    """The next host has the letter, and we cannot write that down."""

    def fails(self, monkeypatch: pytest.MonkeyPatch, host: MailHost, what: str) -> None:
        def full(*arguments: object, **more: object) -> None:
            host.store.rollback()
            raise StoreError("the disk is full")

        monkeypatch.setattr(host.store, what, full)

    @pytest.mark.parametrize("what", ["commit", "dequeue"])
    def test_nobody_gets_the_letter_twice(self, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
        host = new_host(VirtualClock())
        accept(host, "bob@hamburger.edu")
        peer = Peer(*WHOLE)
        with monkeypatch.context() as broken:
            self.fails(broken, host, what)
            with pytest.raises(StoreError):
                host.run_queue(lambda exchange, cause: peer)
            assert len(host.queue) == 1, "as the store has it"
            with pytest.raises(StoreError):
                host.run_queue(lambda exchange, cause: peer)
        assert host.run_queue(lambda exchange, cause: peer) == 0
        assert not len(host.queue) and not host.store.queued() and peer.took == 1

    def test_a_report_is_written_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        host = new_host(VirtualClock())
        accept(host, "bob@hamburger.edu", "carol@hamburger.edu")
        peer = Peer(*WHOLE[:4], b"550 5.1.1 who?", *WHOLE[4:])
        with monkeypatch.context() as broken:
            self.fails(broken, host, "commit")
            with pytest.raises(StoreError):
                host.run_queue(lambda exchange, cause: peer)
            assert not host.letters("alice")
        host.run_queue(lambda exchange, cause: peer)
        assert len(host.letters("alice")) == 1 and not len(host.queue) and not host.custody.given_up[1:]


class TestLanes:
    def test_a_silent_host_holds_up_nobody_else(self, stopped: list[Running]) -> None:
        silent, good = Peer(threading.Event()), Peer(*WHOLE)
        peers = {"silent.example": silent, "good.example": good}
        host = new_host(WallClock(), **{"a.example": "silent.example", "b.example": "good.example"})
        for _ in range(3):
            accept(host, "bob@a.example")
        accept(host, "carol@b.example")
        stopped.append(Running(host, lambda exchange, cause: peers[exchange]))
        stopped[0].until(lambda: len(host.queue) == 3)
        assert good.took == 1 and not silent.heard
        begun_s = time.monotonic()
        stopped[0].runners.stop()
        assert time.monotonic() - begun_s < 5
        assert {one.attempts for letter in host.queue.letters() for one in letter.recipients} == {0}
        assert host.dispatch.due_s() is not None, "what was abandoned is due as before"

    def test_one_at_a_time_for_each_next_host_and_the_lane_goes_on(self, stopped: list[Running]) -> None:
        open_ones, most = [0], [0]
        lock = threading.Lock()

        class Counting(Peer):
            def __init__(self) -> None:
                super().__init__(*WHOLE)
                with lock:
                    open_ones[0] += 1
                    most[0] = max(most[0], open_ones[0])

            def close(self) -> None:
                if not self.closed.is_set():
                    with lock:
                        open_ones[0] -= 1
                super().close()

        host = new_host(WallClock())
        for number in range(20):
            accept(host, f"bob@{number % 4}.example")
        stopped.append(Running(host, lambda exchange, cause: Counting()))
        stopped[0].until(lambda: not len(host.queue))
        assert most[0] == 1, "all go by the same smart host"

    def test_threads_are_few_and_turns_are_taken(self, stopped: list[Running]) -> None:
        order: list[str] = []

        def dial(exchange: str, cause: str | None) -> Peer:
            order.append(exchange)
            return Peer(*WHOLE)

        host = new_host(WallClock(), **{f"{name}.example": f"mx.{name}.example" for name in "abc"})
        for name in "aaabc":
            accept(host, f"bob@{name}.example")
        stopped.append(Running(host, dial, most=1))
        stopped[0].until(lambda: not len(host.queue))
        assert [exchange[3] for exchange in order] == ["a", "b", "c", "a", "a"]

    def test_big_letters_share_the_memory_and_small_ones_pass_by(
        self, stopped: list[Running], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runners, "SMALL", 2000)
        monkeypatch.setattr(runners, "MOST_OCTETS", 25_000)
        gate = threading.Event()
        peers: dict[str, Peer] = {}

        def dial(exchange: str, cause: str | None) -> Peer:
            said = WHOLE if exchange == "mx.small" else [*WHOLE[:5], gate, *WHOLE[5:]]
            peers[exchange] = Peer(*said)
            return peers[exchange]

        names = ("big1", "big2", "big3", "big4", "small")
        host = new_host(WallClock(), **{f"{name}.example": f"mx.{name}" for name in names})
        for name in names:
            accept(host, f"bob@{name}.example", content=LETTER + b"x" * (10_000 if "big" in name else 0))
        stopped.append(Running(host, dial))
        stopped[0].until(lambda: len(host.queue) == 4 and len(peers) >= 3)  # these begin in threads of their own
        assert {*peers} == {"mx.big1", "mx.big2", "mx.small"}
        gate.set()
        stopped[0].until(lambda: not len(host.queue))

    def test_the_letter_is_settled_before_the_good_byes(self, stopped: list[Running]) -> None:
        """A host that never answers QUIT must not make a power cut double the letter."""
        never = threading.Event()
        host = new_host(WallClock())
        accept(host, "bob@a.example")
        stopped.append(Running(host, lambda exchange, cause: Peer(*WHOLE[:-1], never)))
        stopped[0].until(lambda: not host.store.queued())
        assert not host.store.pending

    def test_letters_for_a_host_that_cannot_be_reached_share_its_fate(self, stopped: list[Running]) -> None:
        """Else each of a thousand letters would wait five minutes for the same greeting."""
        calls: list[str] = []

        def dial(exchange: str, cause: str | None) -> Peer:
            calls.append(exchange)
            raise ConnectionRefusedError(f"{exchange} is down")

        host = new_host(WallClock())
        for _ in range(9):
            accept(host, "bob@a.example")
        stopped.append(Running(host, dial))
        stopped[0].until(lambda: not stopped[0].runners.busy)
        assert [letter.recipients[0].attempts for letter in host.queue.letters()] == [1] * 9
        assert calls == ["smart.example"]
        assert {letter.recipients[0].last_reply for letter in host.queue.letters()} == {
            "451 4.4.1 smart.example: smart.example is down"
        }

    def test_a_letter_that_breaks_its_host_is_alone_with_that(self, stopped: list[Running]) -> None:
        """After the greeting it may be the letter."""
        peers = iter([Peer(*WHOLE[:5]), Peer(*WHOLE)])
        host = new_host(WallClock())
        accept(host, "bob@a.example")
        accept(host, "carol@a.example")
        stopped.append(Running(host, lambda exchange, cause: next(peers)))
        stopped[0].until(lambda: not stopped[0].runners.busy)
        [letter] = host.queue.letters()
        assert letter.recipients[0].forward_path == "bob@a.example"

    @pytest.mark.parametrize("error", [ZeroDivisionError("a defect"), SystemExit(), MemoryError()])
    def test_a_thread_that_dies_costs_one_attempt(self, stopped: list[Running], error: BaseException) -> None:
        answers = iter([error, Peer(*WHOLE)])

        def dial(exchange: str, cause: str | None) -> Peer:
            answer = next(answers)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        host = new_host(WallClock())
        accept(host, "bob@a.example")
        accept(host, "carol@a.example")
        stopped.append(Running(host, dial))
        stopped[0].until(lambda: not stopped[0].runners.busy)
        [letter] = host.queue.letters()
        assert [(one.forward_path, one.attempts) for one in letter.recipients] == [("bob@a.example", 1)]

    def test_a_system_without_threads_is_waited_for(
        self, stopped: list[Running], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host = new_host(WallClock())
        accept(host, "bob@a.example")
        running = Running(host, lambda exchange, cause: Peer(*WHOLE))
        stopped.append(running)

        def none_left(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as broken:
            broken.setattr(threading.Thread, "start", none_left)
            running.runners.turn()
            assert running.runners.busy
        running.until(lambda: not len(host.queue))

    def test_a_host_that_takes_no_mail_is_reported_at_once(self, stopped: list[Running]) -> None:
        host = MailHost("crepes.fr", ip="192.0.2.25", clock=WallClock())
        host.add_user("alice", "secret")
        accept(host, "bob@nowhere.example")
        stopped.append(Running(host, lambda exchange, cause: Peer()))
        stopped[0].until(lambda: len(host.letters("alice")) == 1)
        assert not len(host.queue)

    def test_a_letter_that_is_not_committed_yet_goes_nowhere_else_if_it_is_lost(self, stopped: list[Running]) -> None:
        host = new_host(WallClock())
        session = Session(host.name, "203.0.113.5", now=host.now, user="alice")
        host.accept(session, Envelope.plain("alice@crepes.fr", "bob@a.example"), LETTER)
        host.store.rollback()
        calls: list[str] = []
        stopped.append(Running(host, lambda exchange, cause: calls.append(exchange)))
        stopped[0].until(lambda: not len(host.queue))
        assert not calls

    def test_no_letter_leaves_before_it_is_durable(self, stopped: list[Running]) -> None:
        pending: list[bool] = []
        host = new_host(WallClock())
        session = Session(host.name, "203.0.113.5", now=host.now, user="alice")
        host.accept(session, Envelope.plain("alice@crepes.fr", "bob@a.example"), LETTER)

        def dial(exchange: str, cause: str | None) -> Peer:
            pending.append(host.store.pending)
            return Peer(*WHOLE)

        stopped.append(Running(host, dial))
        stopped[0].until(lambda: not len(host.queue))
        assert pending == [False]

    def test_when_the_store_fails_the_lane_waits(self, stopped: list[Running], monkeypatch: pytest.MonkeyPatch) -> None:
        host = new_host(WallClock())
        accept(host, "bob@a.example")
        accept(host, "carol@a.example")
        peers = [Peer(*WHOLE), Peer(*WHOLE)]
        left = iter(peers)
        running = Running(host, lambda exchange, cause: next(left))
        stopped.append(running)

        def full() -> None:
            host.store.rollback()
            raise StoreError("the disk is full")

        running.runners.turn()
        with monkeypatch.context() as broken:
            broken.setattr(host.store, "commit", full)
            with pytest.raises(StoreError):
                running.until(lambda: False)
            for _ in range(3):
                with pytest.raises(StoreError):
                    running.runners.turn()
            assert [peer.took for peer in peers] == [1, 0] and len(host.queue) == 2
        running.until(lambda: not len(host.queue))
        assert [peer.took for peer in peers] == [1, 1]

    def test_an_end_while_the_connection_is_made_is_no_failure(self) -> None:
        connecting, go_on = threading.Event(), threading.Event()

        def dial(exchange: str, cause: str | None) -> Peer:
            connecting.set()
            assert go_on.wait(60)
            return Peer(threading.Event())

        host = new_host(WallClock())
        for _ in range(3):
            accept(host, "bob@a.example")
        running = Running(host, dial)
        running.until(connecting.is_set)
        threading.Timer(0.05, go_on.set).start()
        running.runners.stop()
        assert [letter.recipients[0].attempts for letter in host.queue.letters()] == [0] * 3
        assert len(host.queue.take(host.now())) == 3, "all are due as before"

    def test_what_has_arrived_when_all_stops_is_not_sent_again(self) -> None:
        gate = threading.Event()
        host = new_host(WallClock())
        accept(host, "bob@a.example")
        peer = Peer(*WHOLE[:5], gate, *WHOLE[5:])
        running = Running(host, lambda exchange, cause: peer)
        running.until(lambda: peer.took == 1)
        gate.set()
        running.runners.stop()
        assert not len(host.queue) and not host.store.queued()
