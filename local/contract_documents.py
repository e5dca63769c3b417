"""The served OpenAPI description as a file: `python -m local.contract_documents` rewrites it.

The other documents of docs/contracts are written by hand. Tests hold all of them to the code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from shared.web.app import create_app
from shared.web.services import Services

DOCUMENT_REQUEST_API = (
    Path(__file__).parent.parent / "docs" / "contracts" / "document-request-api.json"
)


def document_request_api() -> str:
    """Return the OpenAPI description of the Document Request API, as the file holds it."""
    # Describing calls no service, so none is needed.
    described = create_app(cast(Services, None)).openapi()
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT_REQUEST_API.write_text(document_request_api(), encoding="utf-8")
