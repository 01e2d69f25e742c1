"""The plain addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doors.http.running import RunningServer, serving


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving() as running:
        yield running


def test_the_plain_addresses(server: RunningServer) -> None:
    with server.http() as http:

        def post(path: str, status: int = 200, **body: Any) -> Any:
            answer = http.post(path, json={"user_id": "pia", **body})
            assert answer.status_code == status, (path, answer.text)
            return answer.json()

        said = [("Bob Stone works at Acme.", "2024-01-05", ["work"])]
        said += [("Carol Reed lives in Oslo.", "2024-06-05", ["home", "work"])]
        for text, day, tags in said:
            post("/v1/memories/", content=text, occurred_at=day, tags=tags)
        listed = http.get("/v1/memories/", params={"user_id": "pia", "limit": 1}).json()
        assert listed["total"] == 2
        assert len(listed["memories"]) == 1
        one = http.get(f"/v1/memories/{listed['memories'][0]['id']}").json()
        assert one["memory"] == "Bob Stone works at Acme"

        def texts(path: str, **body: Any) -> set[str]:
            return {hit["memory"].split()[0] for hit in post(path, **body)["results"]}

        assert "Bob" in texts("/v1/memories/search/", query="Who works at Acme?")
        assert texts("/v1/memories/temporal-search/", start_date="2024-05") == {"Carol"}
        assert texts("/v1/memories/temporal-search/", query="Who?", end_date="2024-02") == {"Bob"}
        assert texts("/v1/memories/tag-search/", tags=["work"]) == {"Bob", "Carol"}
        assert texts("/v1/memories/tag-search/", tags=["work", "home"], match_all=True) == {"Carol"}
        assert texts("/v1/memories/people-search/", people=["Bob Stone"]) == {"Bob"}
        newest = post("/v1/memories/tag-search/", tags=["work"], limit=1)["results"]
        assert [one["memory"].split()[0] for one in newest] == ["Carol"]
        assert "score" not in newest[0]
        asked = post("/v1/memories/tag-search/", tags=["work"], query="Who lives in Oslo?")
        assert asked["results"][0]["score"] > 0
        for address in ("search", "tag-search", "people-search"):
            post(f"/v1/memories/{address}", 400, query=7)
            post(f"/v1/memories/{address}", 400, tags=7, people={"a": 1}, limit="many")
        post("/v1/memories/tag-search", 400, tags=["work"], offset=1)
        post("/v1/memories/tag-search", 400, tags=["work"], match_all="yes")
        post("/v1/memories/people-search", 400, query="Who?")
        assert http.get("/v1/users/pia/stats").json()["facts"] == 2
        assert http.get("/v1/users/current").json()["role"] == "administrator"
        post("/v1/memories/", 400)
        post("/v1/memories/temporal-search", 400)
        post("/v1/memories/tag-search", 400, tags="work")
        assert http.get("/v1/memories", params={"limit": "x", "user_id": "p"}).status_code == 400
        refused = http.get("/v1/memories", params={"user_id": "pia", "tags": "work"})
        assert refused.status_code == 400, "all of hers are not what was asked for"
        assert "a list takes no tags" in refused.json()["detail"]
        made = http.post("/v1/auth/generate-key/", json={"name": "plain"}).json()
        with server.http(made["key"]) as other:
            assert other.get("/v1/users/current/").json()["key_id"] == made["id"]
            gone = http.post("/v1/auth/revoke-key/", json={"key_id": made["id"]})
            assert gone.json()["revoked_at"]
            assert other.get("/v1/users/current").status_code == 401
