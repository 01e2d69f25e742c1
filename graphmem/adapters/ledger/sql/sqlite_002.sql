-- For many writers: what changed in a tenant since something was decided about it.
CREATE INDEX IF NOT EXISTS events_by_tenant ON events (tenant, seq)
  WHERE kind <> 'episode' OR action <> 'ADD';

-- For moving house: up to where each table has been loaded from another ledger.
CREATE TABLE IF NOT EXISTS loads (
  name TEXT PRIMARY KEY,
  after TEXT NOT NULL
) WITHOUT ROWID;
