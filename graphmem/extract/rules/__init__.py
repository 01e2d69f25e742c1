"""Extraction without a model: word lists, names, dates and relation patterns.

``words`` and ``patterns`` are data; ``scan`` cuts text into sentences, words and clauses;
``names``, ``dates`` and ``phrases`` find one kind of thing each; ``read`` turns a sentence into
candidates. The entry is :class:`graphmem.extract.rules.extractor.RulesExtractor`.
"""
