"""Moving a store to other backends: its ledger is copied row by row, and graph and vectors are made
again by opening the copy. Nothing here changes a source or what is believed."""
