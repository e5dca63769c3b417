import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.children import Children, StackFailed, Stopped
from local.stopping import StopSignals

pytestmark = pytest.mark.integration


@pytest.fixture
def stop() -> Iterator[StopSignals]:
    # As in a terminal, also where the tests were started with nohup.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with StopSignals() as stop:
        yield stop
    signal.signal(signal.SIGHUP, before)


def environment() -> dict[str, str]:
    return dict(os.environ)


def test_a_child_is_ready_when_it_has_printed_a_line(tmp_path: Path, stop: StopSignals) -> None:
    with Children(tmp_path, stop) as children:
        broker = children.start("broker", environment(), "local.broker")
        assert children.first_line(broker).startswith("127.0.0.1:")
        assert broker.lines() == []
        children.pause(0)
    assert broker.process.returncode == 0


def test_a_child_that_ends_by_itself_is_reported_with_its_log(
    tmp_path: Path, stop: StopSignals
) -> None:
    with Children(tmp_path, stop) as children:
        child = children.start("broker", environment(), "local.broker", "--nonsense")
        with pytest.raises(StackFailed, match=r"broker ended by itself with 2.*(?s:.*)nonsense"):
            children.first_line(child)


def test_a_child_that_is_meant_to_end_must_succeed(tmp_path: Path, stop: StopSignals) -> None:
    with Children(tmp_path, stop) as children:
        good = children.start("good", environment(), "local.broker", "--help")
        children.wait_for_end(good)
        bad = children.start("bad", environment(), "local.broker", "--nonsense")
        with pytest.raises(StackFailed, match="bad ended with 2"):
            children.wait_for_end(bad)


def test_half_a_line_is_kept_until_it_is_whole(tmp_path: Path, stop: StopSignals) -> None:
    with Children(tmp_path, stop) as children:
        child = children.start("broker", environment(), "local.broker")
        children.first_line(child)
        with child.output.open("ab") as output:
            output.write(b"one\nzw")
            output.flush()
            assert child.lines() == ["one"]
            output.write("ölf\nlast\n".encode())
            output.flush()
            assert child.lines() == ["zwölf", "last"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_wait_at_once_and_is_not_forgotten(
    tmp_path: Path, stop: StopSignals, number: signal.Signals
) -> None:
    children = Children(tmp_path, stop)
    assert not stop.wait(0)
    os.kill(os.getpid(), number)
    started = time.monotonic()
    with pytest.raises(Stopped):
        children.pause(60)
    with pytest.raises(Stopped):
        children.pause()
    assert time.monotonic() - started < 5
