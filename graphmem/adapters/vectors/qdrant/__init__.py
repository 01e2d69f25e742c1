"""A Qdrant server or cluster: connection and URL, requests, search, checkpoint, errors."""
