-- For views of the past: every event of a tenant, and those of its entities, in order.
CREATE INDEX events_in_tenant ON events (tenant, seq);
CREATE INDEX events_of_entities ON events (tenant, seq) WHERE kind = 'entity';

-- What models cost, by day (UTC), model and tenant (its digest; empty for what is done for all alike,
-- as embedding is). `micros` is money in millionths, by the price table of then.
CREATE TABLE spend (
  day text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  calls bigint NOT NULL,
  tokens_in bigint NOT NULL,
  tokens_out bigint NOT NULL,
  micros bigint NOT NULL,
  PRIMARY KEY (day, model, tenant)
);
