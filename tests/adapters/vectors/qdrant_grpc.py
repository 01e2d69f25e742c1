"""The gRPC side of the stand-in for a Qdrant server: the client's own service stubs, backed by its
local mode. It shows that every request survives the way into protocol buffers and back."""

from __future__ import annotations

import warnings
from typing import Any, Self

import grpc as rpc
from qdrant_client import AsyncQdrantClient, grpc, models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc import (
    collections_service_pb2_grpc,
    points_service_pb2_grpc,
    qdrant_pb2_grpc,
)

KEYWORD = models.PayloadSchemaType.KEYWORD


class QdrantGrpc:
    """``async with QdrantGrpc() as server``: listens on a free port of this machine."""

    def __init__(self, version: str = "1.20.0", api_key: str | None = None) -> None:
        self.version = version
        self.api_key = api_key
        self.fail: list[rpc.StatusCode] = []
        self.asked = 0
        self.port = 0
        self.client = AsyncQdrantClient(":memory:")

    async def __aenter__(self) -> Self:
        self._server = rpc.aio.server(interceptors=[_Gate(self)])
        # The generated stubs carry no types.
        qdrant_pb2_grpc.add_QdrantServicer_to_server(_Root(self), self._server)  # type: ignore[no-untyped-call]
        collections_service_pb2_grpc.add_CollectionsServicer_to_server(  # type: ignore[no-untyped-call]
            _Collections(self), self._server
        )
        points_service_pb2_grpc.add_PointsServicer_to_server(_Points(self), self._server)  # type: ignore[no-untyped-call]
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)
        await self.client.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:1?grpc=1&grpc_port={self.port}"


class _Gate(rpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Checks the key, and fails when told to."""

    def __init__(self, home: QdrantGrpc) -> None:
        self._home = home

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        home = self._home
        home.asked += 1
        key = dict(details.invocation_metadata).get("api-key")
        code = home.fail.pop(0) if home.fail else None
        if home.api_key is not None and key != home.api_key:
            code = rpc.StatusCode.UNAUTHENTICATED

        async def refuse(_: Any, context: Any) -> None:
            await context.abort(code, f"not with key {key}")

        if code is not None:
            return rpc.unary_unary_rpc_method_handler(refuse)
        return await continuation(details)


class _Root:
    def __init__(self, home: QdrantGrpc) -> None:
        self._home = home

    async def HealthCheck(self, _: Any, __: Any) -> Any:
        return grpc.HealthCheckReply(title="qdrant", version=self._home.version)


class _Collections(collections_service_pb2_grpc.CollectionsServicer):
    def __init__(self, home: QdrantGrpc) -> None:
        self._client = home.client

    async def CollectionExists(self, asked: Any, _: Any) -> Any:
        exists = await self._client.collection_exists(asked.collection_name)
        return grpc.CollectionExistsResponse(result=grpc.CollectionExists(exists=exists))

    async def Create(self, asked: Any, context: Any) -> Any:
        if await self._client.collection_exists(asked.collection_name):
            await context.abort(rpc.StatusCode.ALREADY_EXISTS, "already exists")
        made = await self._client.create_collection(
            asked.collection_name,
            vectors_config=GrpcToRest.convert_vectors_config(asked.vectors_config),
            sparse_vectors_config=GrpcToRest.convert_sparse_vector_config(
                asked.sparse_vectors_config
            ),
        )
        return grpc.CollectionOperationResponse(result=made)

    async def Delete(self, asked: Any, _: Any) -> Any:
        done = await self._client.delete_collection(asked.collection_name)
        return grpc.CollectionOperationResponse(result=done)


class _Points(points_service_pb2_grpc.PointsServicer):
    def __init__(self, home: QdrantGrpc) -> None:
        self._client = home.client

    async def _check(self, asked: Any, context: Any) -> str:
        name: str = asked.collection_name
        if not await self._client.collection_exists(name):
            await context.abort(rpc.StatusCode.NOT_FOUND, f"Collection `{name}` doesn't exist!")
        return name

    async def CreateFieldIndex(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        params = asked.field_index_params
        if asked.HasField("field_index_params"):
            GrpcToRest.convert_payload_schema_params(params)
        with warnings.catch_warnings(action="ignore"):
            await self._client.create_payload_index(name, asked.field_name, KEYWORD)
        return _done()

    async def Upsert(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        points = [GrpcToRest.convert_point_struct(point) for point in asked.points]
        await self._client.upsert(name, points)
        return _done()

    async def UpdateBatch(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        assert asked.wait
        operations = [GrpcToRest.convert_points_update_operation(o) for o in asked.operations]
        await self._client.batch_update_points(name, operations)
        results = [grpc.UpdateResult(status=grpc.UpdateStatus.Completed) for _ in operations]
        return grpc.UpdateBatchResponse(result=results)

    async def SetPayload(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        payload = {key: _value(value) for key, value in asked.payload.items()}
        selected: Any = GrpcToRest.convert_points_selector(asked.points_selector)
        await self._client.set_payload(name, payload, points=selected)
        return _done()

    async def Get(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        ids = [GrpcToRest.convert_point_id(one) for one in asked.ids]
        records = await self._client.retrieve(name, ids)
        return grpc.GetResponse(result=[RestToGrpc.convert_record(record) for record in records])

    async def Count(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        seen = GrpcToRest.convert_filter(asked.filter) if asked.HasField("filter") else None
        count = (await self._client.count(name, seen)).count
        return grpc.CountResponse(result=grpc.CountResult(count=count))

    async def Scroll(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        records, following = await self._client.scroll(
            name,
            GrpcToRest.convert_filter(asked.filter) if asked.HasField("filter") else None,
            limit=asked.limit,
            offset=GrpcToRest.convert_point_id(asked.offset) if asked.HasField("offset") else None,
        )
        return grpc.ScrollResponse(
            result=[RestToGrpc.convert_record(record) for record in records],
            next_page_offset=(
                None if following is None else RestToGrpc.convert_extended_point_id(following)
            ),
        )

    async def QueryBatch(self, asked: Any, context: Any) -> Any:
        name = await self._check(asked, context)
        requests = [GrpcToRest.convert_query_points(one) for one in asked.query_points]
        answers = await self._client.query_batch_points(name, requests)
        results = [
            grpc.BatchResult(result=[RestToGrpc.convert_scored_point(hit) for hit in a.points])
            for a in answers
        ]
        return grpc.QueryBatchResponse(result=results)


def _done() -> Any:
    status = grpc.UpdateStatus.Completed
    return grpc.PointsOperationResponse(result=grpc.UpdateResult(operation_id=1, status=status))


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("kind"))
