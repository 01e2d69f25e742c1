"""What an application does with mem0's released client; run by the interpreter that has it."""

from __future__ import annotations

import json
import sys
from typing import Any


def main(host: str, key: str) -> dict[str, Any]:
    """One round of everything; returns what was seen."""
    from mem0 import MemoryClient

    client = MemoryClient(api_key=key, host=host)
    ada = {"user_id": "ada"}
    added = client.add(
        [{"role": "user", "content": "I work at Acme."}],
        filters=ada,
        metadata={"app": "demo"},
    )
    for name in ("Bob", "Carol", "Dora", "Eve", "Frank"):
        client.add(f"{name} Stone lives in Oslo.", user_id="ada")
    one = added["results"][0]["id"]
    found = client.search("Where do I work?", filters=ada, top_k=3)
    narrowed = client.search("work", filters={"AND": [ada, {"metadata": {"app": "demo"}}]})
    pages = [client.get_all(filters=ada, page=page, page_size=4) for page in (1, 2)]
    before = client.get(one)
    updated = client.update(one, text="I work at Bolt.", metadata={"app": "two"})
    history = client.history(one)
    entities = client.users()
    deleted = client.delete(pages[1]["results"][-1]["id"])
    left = client.get_all(filters=ada)
    try:
        client.get("nothing")
        missing = "found"
    except Exception as error:  # noqa: BLE001 - whichever class it is, its name is what counts
        missing = type(error).__name__
    gone = client.delete_all(user_id="ada")
    after = client.get_all(filters=ada)
    try:
        MemoryClient(api_key="wrong", host=host)
        refused = "let in"
    except ValueError as error:
        refused = str(error)
    return {
        "added": added,
        "found": found,
        "narrowed": narrowed,
        "pages": pages,
        "before": before,
        "updated": updated,
        "history": history,
        "entities": entities,
        "deleted": deleted,
        "left": left,
        "missing": missing,
        "gone": gone,
        "after": after,
        "refused": refused,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 - this is what it is for
