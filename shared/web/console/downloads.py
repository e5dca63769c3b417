"""Files to save: a browser never shows them as a page of ours."""

from __future__ import annotations

from starlette.responses import Response


def download(data: bytes, name: str, media_type: str) -> Response:
    """Answer with a file. `name` is made by us: letters, digits, dots and hyphens."""
    disposition = f'attachment; filename="{name}"'
    return Response(data, media_type=media_type, headers={"Content-Disposition": disposition})
