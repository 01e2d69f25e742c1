"""Extraction without a model. ``data/`` holds the relations, attributes and words as rows.

``tokenizer`` cuts text into sentences, words and clauses; ``names``, ``dates`` and ``phrases`` find
one kind of thing each; ``sentence_reader`` makes candidates of a sentence, ``extractor`` of an
episode. No model is asked here, and nothing that is known of the store decides.
"""
