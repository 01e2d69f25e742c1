"""The door over HTTP: one memory behind ``/v1``, for many users.

Every method of the API is a route, made from :mod:`graphmem.client.calls`; what is decided here is
who may call it, how much, and for how long. What a memory does is the engine's."""
