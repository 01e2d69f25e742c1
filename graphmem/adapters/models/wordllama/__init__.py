"""The embedder that comes with graphmem: word vectors, no download, no server; and its tokens."""
