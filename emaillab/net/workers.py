"""Who does what takes long, so that the one thread which serves everybody need not wait? A few threads beside it.

>>> workers, done = Workers(most=2), threading.Event()
>>> workers.do(done.set); done.wait(60)
True
>>> workers.stop()

They are daemons: work that never ends keeps no program from ending, as that of `concurrent.futures` would.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

MOST = 4  # threads
GRACE_S = 0.2  # for work that is about to end when the threads are stopped


class Workers:
    """A small pool of daemon threads, each started when there is work and nobody is free."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._free = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def do(self, work: Callable[[], None]) -> None:
        """Have work done, which must not raise; called from one thread alone."""
        self._work.put(work)
        if not self._free.acquire(blocking=False) and len(self._threads) < self._most:
            self._threads.append(threading.Thread(target=self._run, name="emaillab worker", daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Begin nothing more, and end the threads; one that is at work ends after it."""
        self._stopped = True
        for _ in self._threads:
            self._work.put(None)
        give_up_s = time.monotonic() + GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, give_up_s - time.monotonic()))

    def _run(self) -> None:
        while (work := self._work.get()) is not None and not self._stopped:
            work()
            self._free.release()
