"""A LangChain retriever over a memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, StructuredTool

from graphmem.frameworks.tools import hit_metadata, memory_tools
from graphmem.model import Hit
from graphmem.sync import Memory


class GraphmemRetriever(BaseRetriever):
    """What :meth:`~graphmem.Memory.search` finds, as documents, best first.

    ``scope`` says whose memory (without it, as the memory was opened); ``options`` are any others
    of ``search`` (``where``, ``kinds``, ``min_score``, …). A document's metadata has the ``id``,
    ``kind``, ``score``, ``episode_id``, ``occurred_at`` and ``speaker`` of the hit, and of a fact
    since when it holds. Errors are those of ``search``.
    """

    memory: Memory
    limit: int = 10
    scope: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        hits = self.memory.search(query, limit=self.limit, **self.options, **self.scope)
        return [_document(hit) for hit in hits]


def langchain_tools(memory: Memory, **scope: Any) -> list[BaseTool]:
    """The functions of :func:`~graphmem.frameworks.tools.memory_tools` as LangChain's tools."""
    return [
        StructuredTool.from_function(tool, parse_docstring=True)
        for tool in memory_tools(memory, **scope)
    ]


def _document(hit: Hit) -> Document:
    metadata = {**hit_metadata(hit), "rank": hit.rank}
    if hit.speaker is not None:
        metadata["speaker"] = hit.speaker
    if hit.fact is not None and hit.fact.valid_at is not None:
        metadata["valid_at"] = hit.fact.valid_at.isoformat()
    return Document(id=hit.id, page_content=hit.text, metadata=metadata)
