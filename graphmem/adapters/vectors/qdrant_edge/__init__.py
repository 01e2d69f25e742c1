"""Qdrant's engine in this process: shards in a folder, their checkpoint and optimizing."""
