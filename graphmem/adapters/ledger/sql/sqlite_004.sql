-- For views of the past: every event of a wall, and those of its entities, in order.
CREATE INDEX IF NOT EXISTS events_in_wall ON events (wall, seq);
CREATE INDEX IF NOT EXISTS events_of_entities ON events (wall, seq) WHERE kind = 'entity';

-- What models cost, by day (UTC), model and wall (its digest; empty for what is done for all alike,
-- as embedding is). `micros` is money in millionths, by the price table of then.
CREATE TABLE IF NOT EXISTS spend (
  day TEXT NOT NULL,
  model TEXT NOT NULL,
  wall TEXT NOT NULL,
  calls INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  micros INTEGER NOT NULL,
  PRIMARY KEY (day, model, wall)
) WITHOUT ROWID;
