"""What models may cost: ceilings per call, day and store, booked before a model is asked; and the
table of prices. Knows models only through their ports; what is asked, and why, is not decided here.
"""
