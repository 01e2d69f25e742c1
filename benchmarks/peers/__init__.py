"""Other memory engines beside graphmem in one run: ``python -m benchmarks.peers``.

The same made-up episodes, one fact each, the same embedder (wordllama behind a local endpoint in
OpenAI's format) and the same scripted model (behind the same endpoint) for all. Each engine runs in
a virtual environment of its own, at the release pinned here, with its telemetry off; whatever it
tries to reach beyond this machine is refused and reported.
"""
