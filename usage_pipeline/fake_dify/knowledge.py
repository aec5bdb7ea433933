"""A knowledge base of the made-up Dify: documents that were embedded, and summaries of their parts."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from usage_pipeline.fake_dify.scripts import naive
from usage_pipeline.fake_dify.world import World

Row = Mapping[str, object]


def knowledge_rows(
    world: World, tenant: str, name: str, documents: Mapping[str, tuple[int, datetime]], summaries: Mapping[str, int]
) -> dict[str, dict[str, Row]]:
    """Returns the rows of a workspace's knowledge base, by table and key.

    ``documents``: tokens and the moment at which each was embedded, by its name; ``summaries``: tokens of the summary
    of a document's first part, by the document's name. Ids hang on the names alone.
    """
    tenant_id, creator = world.tenants[tenant][0], next(iter(world.accounts.values()))
    dataset_id = _id(name)
    rows: dict[str, dict[str, Row]] = {
        "datasets": {
            dataset_id: {
                "id": dataset_id, "tenant_id": tenant_id, "name": name, "created_by": creator,
                "embedding_model": "text-embedding-3-small", "embedding_model_provider": "langgenius/openai/openai",
            }
        },
        "documents": {},
        "document_segment_summaries": {},
    }  # fmt: skip
    for position, (document, (tokens, moment)) in enumerate(documents.items(), 1):
        at = naive(moment)
        rows["documents"][document_id(document)] = {
            "id": document_id(document), "tenant_id": tenant_id, "dataset_id": dataset_id, "position": position,
            "data_source_type": "upload_file", "batch": "b", "name": document, "created_from": "web",
            "created_by": creator, "tokens": tokens, "created_at": at, "completed_at": at,
            "indexing_status": "completed",
        }  # fmt: skip
        if document in summaries:
            rows["document_segment_summaries"][summary_id(document)] = {
                "id": summary_id(document), "dataset_id": dataset_id, "document_id": document_id(document),
                "chunk_id": _id(f"part of {document}"), "summary_content": world.canaries[-1],
                "tokens": summaries[document], "status": "completed", "created_at": at, "updated_at": at,
            }  # fmt: skip
    return rows


def document_id(document: str) -> str:
    """Returns the id of a document."""
    return _id(f"document {document}")


def summary_id(document: str) -> str:
    """Returns the id of the summary of a document's first part."""
    return _id(f"summary of {document}")


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))
