"""The commands as a developer calls them: child processes that start further ones."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.integration

SECONDS = 60


@contextlib.contextmanager
def local(command: str, directory: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run a command with a directory for its temporary files."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "local", command],
        env=os.environ | {"TMPDIR": str(directory), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            # Asked, not killed: it has to stop what it has started.
            process.terminate()
            process.wait(SECONDS)


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    """Return the output up to the line that holds a text."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"{text!r} was not in the output:\n{''.join(lines)}")


def children_of(process: "subprocess.Popen[str]") -> list[int]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True
    )
    pairs = (line.split() for line in listed.stdout.splitlines())
    return [int(pid) for pid, parent in pairs if int(parent) == process.pid]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def assert_all_gone(children: list[int], directory: Path) -> None:
    assert [pid for pid in children if is_alive(pid)] == []
    assert list(directory.iterdir()) == []


def test_the_demo_shows_every_sample_end_as_expected(tmp_path: Path) -> None:
    with local("demo", tmp_path) as demo:
        output, _ = demo.communicate(timeout=3 * SECONDS)
    assert demo.returncode == 0, output
    assert re.search(
        r"✔ All 18 samples ended as expected \(11 completed, 3 failed, 4 refused\); 14\s+events",
        output,
    )
    assert output.count("✉ ") == 14 + 1  # and the sentence that explains the sign
    assert "Mandatory element TotalAmount is missing" in output
    # Not a terminal: no control characters, nothing wider than the screen that was assumed.
    assert "\x1b" not in output
    assert max(len(line) for line in output.splitlines()) <= 100
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_stops_the_demo_and_all_that_it_started(tmp_path: Path) -> None:
    with local("demo", tmp_path) as demo:
        read_until(demo, "accepted with 202")
        children = children_of(demo)
        assert len(children) == 7
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 130, output
    assert output.splitlines()[-1].startswith("Stopped, as asked.")
    assert_all_gone(children, tmp_path)


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`make run` has ports that people can remember: there is room for one, whoever runs it."""
    with (tmp_path_factory.getbasetemp().parent / "make-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.usefixtures("alone")
@pytest.mark.skipif(shutil.which("curl") is None, reason="the printed commands need curl")
def test_the_commands_that_run_prints_work_as_they_stand(tmp_path: Path) -> None:
    with local("run", tmp_path) as run:
        output = read_until(run, "Every event")
        commands = re.findall(r"^  (curl .*)$", output, re.MULTILINE)
        answers = [
            subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout
            for command in commands
        ]
        children = children_of(run)
        run.send_signal(signal.SIGTERM)
        output, _ = run.communicate(timeout=SECONDS)
    assert '"requestCorrelationId":"HELLO-1"' in answers[0]
    assert '"items":[{"requestId":' in answers[1]
    assert run.returncode == 130, output
    assert_all_gone(children, tmp_path)


@pytest.mark.usefixtures("alone")
def test_run_fills_the_console_with_something_of_everything(tmp_path: Path) -> None:
    with local("run", tmp_path) as run:
        output = read_until(run, "something of everything to show")
        [console] = re.findall(r"^Console +(\S+)$", output, re.MULTILINE)
        with requests.Session() as session:
            session.trust_env = False
            page = session.get(console, timeout=SECONDS).text
            for path, needed in {
                "requests?status=RECEIVED": "CLMACKNO",
                "requests?status=COMPLETED": "COMPLETED",
                "requests?status=HELD": "HELD",
                "requests?failureCategory=ENRICHMENT": "CONFIGURATION_MISSING",
                "requests?failureCategory=GENERATION": "TMH-4012",
                "requests?failureCategory=SUBMISSION": "UNPROCESSABLE_ENTITY",
                "requests?failureCategory=ABANDONED": "ABANDONED",
                "requests?failureCategory=CANCELLED": "CANCELLED",
                "batches?state=HELD": "HELD",
                "events": "Message size too large",
                "pauses": "Wrong letterhead",
                "audit": "INC-2041",
            }.items():
                # Long codes may break after their underscores.
                shown = session.get(console + path, timeout=SECONDS).text.replace("<wbr>", "")
                assert needed in shown.partition("<tbody>")[2], path
        run.send_signal(signal.SIGTERM)
        output, _ = run.communicate(timeout=SECONDS)
    assert "1 event refused by the broker" in page
    assert run.returncode == 130, output


def test_a_stop_while_the_parts_are_starting_leaves_nothing_behind(tmp_path: Path) -> None:
    with local("demo", tmp_path) as demo:
        read_until(demo, "Reference Data simulator")
        children = children_of(demo)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(SECONDS) == 130
    assert_all_gone(children, tmp_path)
