"""What leaves a ledger and what comes into one: whole copies, backups, exports and imports, row by
row over the port. Nothing here opens a store or changes what is believed; graph and vectors are
made again from what arrives."""
