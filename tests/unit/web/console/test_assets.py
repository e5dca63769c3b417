"""What is shipped with the pages."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatch

import pytest
from fastapi.testclient import TestClient

from shared.web.console.assets import FOLDER, asset_url

FILES = sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_an_asset_is_named_by_its_content_and_kept_for_ever(client: TestClient, name: str) -> None:
    url = asset_url(name)
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    assert digest[:12] in url
    answer = client.get(url)
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(url.replace(digest[:12], "0" * 12)).status_code == 404


@pytest.mark.parametrize("name", ["console.css", "../app.py", "..%2Fapp.py", "%2Fetc%2Fpasswd"])
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/console/static/{name}").status_code == 404


def test_the_library_is_the_one_that_its_notice_names() -> None:
    notice = (FOLDER / "NOTICE.txt").read_text()
    digest = hashlib.sha256((FOLDER / "htmx.min.js").read_bytes()).hexdigest()
    assert digest in notice
    [version] = re.findall(r"htmx (\d+\.\d+\.\d+)", notice)
    assert f'version:"{version}"' in (FOLDER / "htmx.min.js").read_text()


def test_pages_load_what_is_shipped_and_nothing_else(client: TestClient) -> None:
    page = client.get("/console/").text
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', page)
    assert set(loaded) == {
        asset_url(name) for name in ("mark.svg", "console.css", "htmx.min.js", "console.js")
    }


def test_templates_and_assets_are_part_of_the_package() -> None:
    root = FOLDER.parents[3]
    lines = (root / ".funcignore").read_text().splitlines()
    patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    for path in (FOLDER.parent / "templates").iterdir(), FOLDER.iterdir():
        for file in path:
            parts = file.relative_to(root).parts
            ignored = [p for p in patterns if any(fnmatch(part, p) for part in parts)]
            assert not ignored, file
