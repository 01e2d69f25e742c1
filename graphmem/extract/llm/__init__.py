"""What a model is asked, and how its answer is read: request, prompts, chunks, schema, repair.

``extractor`` reads in the order of one call. The network is the adapter's; whether a call may be
paid is the budget's.
"""
