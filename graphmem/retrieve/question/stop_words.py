"""Words that say nothing about what a text is about."""

from __future__ import annotations

STOP_WORDS = frozenset({
    "a", "an", "the", "i", "you", "he", "she", "it", "we", "they", "me", "him", "her", "us",
    "them", "my", "your", "his", "its", "our", "their", "is", "are", "was", "were", "be", "been",
    "being", "am", "do", "does", "did", "done", "doing", "have", "has", "had", "having", "what",
    "when", "where", "who", "whom", "whose", "which", "why", "how", "will", "would", "can",
    "could", "should", "shall", "may", "might", "must", "to", "of", "in", "on", "at", "for",
    "from", "by", "with", "about", "as", "into", "than", "then", "that", "this", "these", "those",
    "and", "or", "but", "not", "no", "if", "so", "because", "there", "here", "up", "out", "off",
    "over", "under", "again", "just", "very", "too", "also", "any", "some", "all", "both", "each",
    "few", "more", "most", "other", "such", "only", "own", "same", "s", "t", "i'm", "i've",
    "i'll", "i'd", "it's", "that's", "don't", "didn't",
})  # fmt: skip
