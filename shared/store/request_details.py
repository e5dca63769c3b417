"""SQL of what hangs on a request: request_contents, request_metadata, request_outputs."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection, select

from shared.domain.models import DocumentRequest, Output
from shared.store.statements import chunks, insert_rows
from shared.store.tables import request_contents, request_metadata, request_outputs


def insert_contents(
    connection: Connection, request_ids: Sequence[UUID], contents: Sequence[str]
) -> None:
    """Keep the content of new requests."""
    insert_rows(
        connection,
        request_contents,
        [
            {"request_id": request_id, "content": zlib.compress(content.encode("utf-8"))}
            for request_id, content in zip(request_ids, contents, strict=True)
        ],
    )


def contents(connection: Connection, request_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """Return the content JSON of requests, as it was sent."""
    found: dict[UUID, str] = {}
    c = request_contents.c
    for some in chunks(request_ids):
        rows = connection.execute(select(c.request_id, c.content).where(c.request_id.in_(some)))
        for request_id, content in rows.all():
            found[request_id] = zlib.decompress(content).decode("utf-8")
    return found


def insert_metadata(connection: Connection, requests: Sequence[DocumentRequest]) -> None:
    """Keep the metadata of new requests."""
    rows = [
        {"request_id": request.request_id, "metadata_key": key, "metadata_value": value}
        for request in requests
        for key, value in request.metadata.items()
    ]
    insert_rows(connection, request_metadata, rows)


def metadata(
    connection: Connection, request_ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, str]]:
    """Return the metadata of requests; a request without any has an empty one."""
    found: dict[UUID, dict[str, str]] = {request_id: {} for request_id in request_ids}
    m = request_metadata.c
    for some in chunks(request_ids):
        rows = connection.execute(
            select(m.request_id, m.metadata_key, m.metadata_value).where(m.request_id.in_(some))
        )
        for request_id, key, value in rows.all():
            found[request_id][key] = value
    return found


def with_metadata(
    connection: Connection, requests: Sequence[DocumentRequest]
) -> Sequence[DocumentRequest]:
    """Return the requests with their metadata."""
    found = metadata(connection, [request.request_id for request in requests])
    return [replace(request, metadata=found[request.request_id]) for request in requests]


def insert_outputs(connection: Connection, requests: Sequence[DocumentRequest]) -> None:
    """Keep what was generated for requests."""
    rows = [
        {
            "request_id": request.request_id,
            "generation": request.generation,
            "position": position,
            "channel_name": output.channel_name,
            "mime_type": output.mime_type,
            "page_count": output.page_count,
            "document_name": output.document_name,
            "location": output.location,
        }
        for request in requests
        for position, output in enumerate(request.outputs)
    ]
    insert_rows(connection, request_outputs, rows)


def with_outputs(
    connection: Connection, requests: Sequence[DocumentRequest]
) -> Sequence[DocumentRequest]:
    """Return the requests with the outputs of their present generation."""
    found: dict[tuple[UUID, int], dict[int, Output]] = defaultdict(dict)
    out = request_outputs.c
    for some in chunks([request.request_id for request in requests]):
        for row in connection.execute(select(request_outputs).where(out.request_id.in_(some))):
            found[row.request_id, row.generation][row.position] = Output(
                row.channel_name,
                row.mime_type,
                row.page_count,
                row.document_name,
                row.location,
            )
    # Ordered here: the database would sort the outputs of all requests together.
    return [
        replace(
            request,
            outputs=tuple(
                output
                for _, output in sorted(found[request.request_id, request.generation].items())
            ),
        )
        for request in requests
    ]
