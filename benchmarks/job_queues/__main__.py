"""Runs one worker: `python -m benchmarks.job_queues pgqueuer`, with its work on standard input."""

from __future__ import annotations

import sys
from importlib import import_module

import uvloop

from benchmarks.job_queues.work import answer, read_work

worker = import_module(f"benchmarks.job_queues.{sys.argv[1]}_worker")
answer(uvloop.run(worker.drain(read_work())))
