"""Styles, scripts and pictures: read once, named by their content, kept by browsers for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
PATH = "/console/static"
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _assets() -> dict[str, Path]:
    """Return the files by the names that they are served under."""
    return {_hashed(path): path for path in FOLDER.iterdir() if path.suffix in _MEDIA_TYPES}


@cache
def _hashed(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"{path.stem}-{digest}{path.suffix}"


def asset_url(name: str) -> str:
    """Return where a file of the folder is served; changes with its content."""
    return f"{PATH}/{_hashed(FOLDER / name)}"


async def show_asset(request: Request) -> Response:
    """Serve a file. Open to everyone: the page that says "sign in" needs them too."""
    path = _assets().get(request.path_params["name"])
    if path is None:
        raise HTTPException(404)
    return Response(
        path.read_bytes(),
        media_type=_MEDIA_TYPES[path.suffix],
        headers={"Cache-Control": _FOR_EVER},
    )
