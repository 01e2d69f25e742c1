-- For views of the past: every event of a tenant, and those of its entities, in order.
CREATE INDEX IF NOT EXISTS events_in_tenant ON events (tenant, seq);
CREATE INDEX IF NOT EXISTS events_of_entities ON events (tenant, seq) WHERE kind = 'entity';

-- What models cost, by day (UTC), model and tenant (its digest; empty for what is done for all alike,
-- as embedding is). `micros` is money in millionths, by the price table of then.
CREATE TABLE IF NOT EXISTS spend (
  day TEXT NOT NULL,
  model TEXT NOT NULL,
  tenant TEXT NOT NULL,
  calls INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  micros INTEGER NOT NULL,
  PRIMARY KEY (day, model, tenant)
) WITHOUT ROWID;
