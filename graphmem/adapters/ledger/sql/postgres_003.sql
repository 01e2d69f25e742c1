-- For views of the past: every event of a wall, and those of its entities, in order.
CREATE INDEX events_in_wall ON events (wall, seq);
CREATE INDEX events_of_entities ON events (wall, seq) WHERE kind = 'entity';

-- What models cost, by day (UTC), model and wall (its digest; empty for what is done for all alike,
-- as embedding is). `micros` is money in millionths, by the price table of then.
CREATE TABLE spend (
  day text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  wall text COLLATE "C" NOT NULL,
  calls bigint NOT NULL,
  tokens_in bigint NOT NULL,
  tokens_out bigint NOT NULL,
  micros bigint NOT NULL,
  PRIMARY KEY (day, model, wall)
);
