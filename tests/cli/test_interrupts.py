from __future__ import annotations

import os
import signal
from threading import Thread

import pytest

from dmabuf_async.cli.interrupts import noted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_waits_until_it_is_asked_for_and_the_second_does_not(number: signal.Signals) -> None:
    with noted() as check:
        check()
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_handlers_are_put_back_and_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    term = signal.getsignal(signal.SIGTERM)
    try:
        with noted() as check:
            os.kill(os.getpid(), signal.SIGINT)
            check()
            assert signal.getsignal(signal.SIGTERM) is not term
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is term
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_is_noted() -> None:
    checked: list[bool] = []

    def work() -> None:
        with noted() as check:
            check()
            checked.append(True)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert checked == [True]
