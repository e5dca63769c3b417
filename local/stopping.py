"""Stops on request: SIGINT, SIGTERM and SIGHUP are remembered, and end every wait at once.

An exception out of a signal handler could strike between the start of a child process and the
note of it, which would leave that process behind. Here nothing is interrupted but a wait.
"""

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Self

EXIT_CODE = 130
"""The exit code after a stop, as a shell reports Ctrl-C."""


class StopSignals:
    """While the context is open, signals to end are remembered. For the main thread only."""

    def __init__(self) -> None:
        self._numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else: started with nohup
            self._numbers.append(signal.SIGHUP)

    def __enter__(self) -> Self:
        """Take over the signals."""
        # The interpreter writes a byte for every signal. It is never read, so that the socket
        # stays readable: that is the memory.
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, _remember) for number in self._numbers}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float) -> bool:
        """Wait, at most so long, for a signal; tell whether there was one, now or before."""
        readable, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        return bool(readable)


def _remember(_number: int, _frame: FrameType | None) -> None:
    """Exist: only signals with a handler are written to the socket."""
