"""Hostile words in every field that somebody else fills."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from shared.web.console.pages import FOLDER
from tests.unit.web.console.conftest import browser
from tests.unit.web.console.fakes import FAILED, FakeUseCases
from tests.unit.web.console.hostile import CORPUS
from tests.unit.web.console.test_wiring import PAGES, TOKEN


class Elements(HTMLParser):
    """Finds what a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(attributes)) for tag, attributes in self.found]


@pytest.mark.parametrize("path", [path for path in PAGES if not path.endswith(".csv")])
@pytest.mark.parametrize("text", CORPUS)
def test_words_never_become_elements_or_attributes(text: str, path: str) -> None:
    tame, wild = (browser(FakeUseCases(text=words)).get(path) for words in ("tame", text))
    assert Elements(wild.text).shape() == Elements(tame.text).shape()
    for _, attributes in Elements(wild.text).found:
        for name in ("href", "src", "action"):
            assert re.match(r"/|#|https://traces\.example/", attributes.get(name) or "/")


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.parametrize("kind", ["content", "transaction"])
def test_a_payload_is_text(text: str, kind: str) -> None:
    def shown(words: str) -> str:
        client = browser(FakeUseCases(text=words))
        client.cookies.set("oms-console", TOKEN)
        form = {"csrf": TOKEN, "kind": kind, "form": "page", "reason": "INC-42"}
        answer = client.post(f"/console/requests/{FAILED}/payload", data=form)
        assert answer.status_code == 200
        return answer.text

    assert Elements(shown(text)).shape() == Elements(shown("tame")).shape()


def test_templates_hold_no_script_style_or_foreign_address() -> None:
    for path in FOLDER.iterdir():
        template = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe", template), path
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", template), path
        for source in re.findall(r"<script[^>]*>", template):
            assert "asset_url" in source, path
