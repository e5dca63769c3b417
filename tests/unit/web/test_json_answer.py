from __future__ import annotations

import pytest

from shared.web.json_answer import JsonAnswer


def test_an_answer_is_compact_utf8() -> None:
    answer = JsonAnswer({"name": "Zoë", "counts": [1, 0.5, None]}, 202)
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == '{"name":"Zoë","counts":[1,0.5,null]}'.encode()


def test_what_is_no_json_is_no_answer() -> None:
    """An object of ours is shown by its resource, never as it is."""
    with pytest.raises(TypeError):
        JsonAnswer({"request": object()})
