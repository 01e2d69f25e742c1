"""What may answer: facts and turns found by vectors, by words and through the graph, with texts.

Each arm finds, none decides: how good a candidate is, ``signals`` say.
"""
