"""Embedders and rerankers that run here by fastembed, from files that it downloads once."""
