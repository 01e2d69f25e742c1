-- The ledger's first schema in PostgreSQL: the same tables and columns as SQLite's. Never edited
-- once released: a change is a new numbered file. Text sorts by its bytes, as in SQLite. An index
-- entry has at most 2,704 bytes, so what may be longer is indexed by its hash or its beginning.

-- One row: the version of the schema, and the lock that every writing transaction takes.
CREATE TABLE graphmem_ledger (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL
);
INSERT INTO graphmem_ledger (version) VALUES (0);

CREATE TABLE settings (
  name text COLLATE "C" PRIMARY KEY,
  value text COLLATE "C" NOT NULL
);

-- Input as it was received. `place` is the full scope, what duplicates are looked for in.
CREATE TABLE episodes (
  n bigint PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  tenant text COLLATE "C" NOT NULL,
  place text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C",
  agent_id text COLLATE "C",
  run_id text COLLATE "C",
  kind text COLLATE "C" NOT NULL,
  content text COLLATE "C" NOT NULL,
  content_hash text COLLATE "C" NOT NULL,
  occurred_at text COLLATE "C" NOT NULL,
  time_given boolean NOT NULL,
  recorded_at text COLLATE "C" NOT NULL,
  previous_id text COLLATE "C",
  idempotency_key text COLLATE "C",
  expires_at text COLLATE "C",
  memory_type text COLLATE "C" NOT NULL,
  importance double precision NOT NULL,
  metadata text COLLATE "C" NOT NULL,
  tags text COLLATE "C" NOT NULL,
  infer boolean NOT NULL,
  status text COLLATE "C" NOT NULL,
  reason text COLLATE "C"
);
CREATE INDEX episodes_by_tenant ON episodes (tenant, n);
CREATE INDEX episodes_by_place ON episodes (hashtextextended(place, 0), n);
CREATE INDEX episodes_by_content
  ON episodes (hashtextextended(place, 0), content_hash, occurred_at);
CREATE INDEX episodes_by_key ON episodes (hashtextextended(place, 0), idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX episodes_unfinished ON episodes (status, tenant, n) WHERE status <> 'done';

CREATE TABLE turns (
  id text COLLATE "C" PRIMARY KEY,
  episode_id text COLLATE "C" NOT NULL REFERENCES episodes (id),
  ordinal bigint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  speaker text COLLATE "C",
  role text COLLATE "C" NOT NULL,
  text text COLLATE "C" NOT NULL,
  occurred_at text COLLATE "C",
  source_id text COLLATE "C",
  UNIQUE (episode_id, ordinal)
);

-- A model's raw answers: a replay never pays twice.
CREATE TABLE extractions (
  episode_id text COLLATE "C" PRIMARY KEY REFERENCES episodes (id),
  extractor text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  raw text COLLATE "C",
  calls bigint NOT NULL,
  tokens_in bigint NOT NULL,
  tokens_out bigint NOT NULL
);

CREATE TABLE entities (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  body text COLLATE "C" NOT NULL
);
CREATE INDEX entities_by_name ON entities (tenant, left(name, 100), id);

CREATE TABLE aliases (
  tenant text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  entity_id text COLLATE "C" NOT NULL REFERENCES entities (id)
);
CREATE INDEX aliases_by_key ON aliases (tenant, hashtextextended(key, 0), entity_id);
CREATE UNIQUE INDEX aliases_of_entity ON aliases (entity_id, hashtextextended(key, 0));

CREATE TABLE mentions (
  turn_id text COLLATE "C" NOT NULL REFERENCES turns (id),
  entity_id text COLLATE "C" NOT NULL REFERENCES entities (id),
  episode_id text COLLATE "C" NOT NULL REFERENCES episodes (id),
  PRIMARY KEY (turn_id, entity_id)
);
CREATE INDEX mentions_of_entity ON mentions (entity_id, episode_id);
CREATE INDEX mentions_in_episode ON mentions (episode_id, entity_id);

-- Every version of every fact. `body` is the fact; the columns are what is looked up by.
-- `ends_at` is the earliest of invalid_at, expires_at and archived_at.
CREATE TABLE facts (
  id text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  text_key text COLLATE "C" NOT NULL,
  subject_id text COLLATE "C",
  type text COLLATE "C",
  object_id text COLLATE "C",
  recorded_at text COLLATE "C" NOT NULL,
  retired_at text COLLATE "C",
  ends_at text COLLATE "C",
  body text COLLATE "C" NOT NULL,
  PRIMARY KEY (id, version)
);
CREATE UNIQUE INDEX facts_now ON facts (tenant, id) WHERE retired_at IS NULL;
CREATE INDEX facts_by_text ON facts (tenant, hashtextextended(text_key, 0), id) WHERE retired_at IS NULL;
CREATE INDEX facts_by_subject ON facts (tenant, subject_id, type, object_id, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;
CREATE INDEX facts_by_object ON facts (tenant, object_id, type, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;
CREATE INDEX facts_by_type ON facts (tenant, type, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;

-- Of the present version of each fact that is believed.
CREATE TABLE fact_entities (
  entity_id text COLLATE "C" NOT NULL,
  fact_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (entity_id, fact_id)
);
CREATE INDEX fact_entities_of_fact ON fact_entities (fact_id);

CREATE TABLE sources (
  fact_id text COLLATE "C" NOT NULL,
  episode_id text COLLATE "C" NOT NULL,
  turn_id text COLLATE "C" NOT NULL,
  agent_id text COLLATE "C",
  run_id text COLLATE "C",
  PRIMARY KEY (fact_id, episode_id, turn_id)
);
CREATE INDEX sources_in_episode ON sources (episode_id, fact_id);

-- Everything that ever changed, in order; projections follow it, history reads it.
CREATE TABLE events (
  seq bigint PRIMARY KEY,
  at text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  action text COLLATE "C" NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  episode_id text COLLATE "C",
  actor text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  after text COLLATE "C"
);
CREATE INDEX events_of_thing ON events (id, seq);
CREATE INDEX events_by_episode ON events (episode_id, seq);
CREATE INDEX events_by_tenant ON events (tenant, seq) WHERE kind <> 'episode' OR action <> 'ADD';

CREATE TABLE embeddings (
  model text COLLATE "C" NOT NULL,
  digest text COLLATE "C" NOT NULL,
  vector bytea NOT NULL,
  PRIMARY KEY (model, digest)
);
CREATE INDEX embeddings_by_digest ON embeddings (digest);

-- For moving house: up to where each table has been loaded from another ledger.
CREATE TABLE loads (
  name text COLLATE "C" PRIMARY KEY,
  after text COLLATE "C" NOT NULL
);
