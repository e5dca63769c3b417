"""HTTP trigger: the Document Request API (contracts, section 1)."""

from __future__ import annotations

import azure.functions as func

from shared.loading import without_garbage_collection

with without_garbage_collection():
    from shared.asgi import api
    from shared.asgi_function import AsgiFunction
    from shared.composition import compose_function

    _answer = AsgiFunction(api(compose_function()))


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer one call."""
    return await _answer(req, context)
