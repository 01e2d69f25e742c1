"""Extraction by a language model. An episode goes through these modules in this order:

1. ``hidden_text``: what is recalled in it, or instructs a model, is left out.
2. ``chunks``: a long one is cut; its answers are kept, and merged at the end.
3. ``request``: what the model is shown, by the texts in ``prompts``.
4. ``repair``: JSON from what it answered; ``schema``: each field; ``parse``: candidates
   (``procedures``, where an agent's steps were asked for).
5. ``grounding``: what the text does not bear out is left out (``episode_words`` and
   ``grounded_dates`` are the text as it looks at it).
6. ``as_meant``: what is only planned, quoted or made up is marked so.

``extractor`` makes the call (2 to 4). The network is the adapter's; whether a call may be paid is
the budget's.
"""
