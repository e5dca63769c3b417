from __future__ import annotations

import sys

import pytest

from tests.unit.store.fake_pyodbc import FakePyodbc


@pytest.fixture
def pyodbc(monkeypatch: pytest.MonkeyPatch) -> FakePyodbc:
    fake = FakePyodbc()
    monkeypatch.setitem(sys.modules, "pyodbc", fake)
    return fake
