-- The ledger's first schema. Never edited once released: a change is a new numbered file.
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Input as it was received. `place` is the full scope, what duplicates are looked for in.
CREATE TABLE episodes (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  place TEXT NOT NULL,
  project_id TEXT NOT NULL,
  user_id TEXT,
  agent_id TEXT,
  run_id TEXT,
  kind TEXT NOT NULL,
  content TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  occurred_at TEXT NOT NULL,
  time_given INTEGER NOT NULL,
  recorded_at TEXT NOT NULL,
  previous_id TEXT,
  idempotency_key TEXT,
  expires_at TEXT,
  memory_type TEXT NOT NULL,
  importance REAL NOT NULL,
  metadata TEXT NOT NULL,
  tags TEXT NOT NULL,
  infer INTEGER NOT NULL,
  status TEXT NOT NULL,
  reason TEXT
);
CREATE INDEX episodes_by_tenant ON episodes (tenant, n);
CREATE INDEX episodes_by_place ON episodes (place, n);
CREATE INDEX episodes_by_content ON episodes (place, content_hash, occurred_at);
CREATE UNIQUE INDEX episodes_by_key ON episodes (place, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX episodes_unfinished ON episodes (status, tenant, n) WHERE status <> 'done';

CREATE TABLE turns (
  id TEXT PRIMARY KEY,
  episode_id TEXT NOT NULL REFERENCES episodes (id),
  ordinal INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  speaker TEXT,
  role TEXT NOT NULL,
  text TEXT NOT NULL,
  occurred_at TEXT,
  source_id TEXT,
  UNIQUE (episode_id, ordinal)
);

-- A model's raw answers: a replay never pays twice.
CREATE TABLE extractions (
  episode_id TEXT PRIMARY KEY REFERENCES episodes (id),
  extractor TEXT NOT NULL,
  version TEXT NOT NULL,
  raw TEXT,
  calls INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE entities (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX entities_by_name ON entities (tenant, name, id);

CREATE TABLE aliases (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  entity_id TEXT NOT NULL REFERENCES entities (id),
  PRIMARY KEY (tenant, key, entity_id)
) WITHOUT ROWID;
CREATE INDEX aliases_of_entity ON aliases (entity_id);

CREATE TABLE mentions (
  turn_id TEXT NOT NULL REFERENCES turns (id),
  entity_id TEXT NOT NULL REFERENCES entities (id),
  episode_id TEXT NOT NULL REFERENCES episodes (id),
  PRIMARY KEY (turn_id, entity_id)
) WITHOUT ROWID;
CREATE INDEX mentions_of_entity ON mentions (entity_id, episode_id);
CREATE INDEX mentions_in_episode ON mentions (episode_id, entity_id);

-- Every version of every fact. `body` is the fact; the columns are what is looked up by.
-- `ends_at` is the earliest of invalid_at, expires_at and archived_at.
CREATE TABLE facts (
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  text_key TEXT NOT NULL,
  subject_id TEXT,
  type TEXT,
  object_id TEXT,
  recorded_at TEXT NOT NULL,
  retired_at TEXT,
  ends_at TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (id, version)
) WITHOUT ROWID;
CREATE UNIQUE INDEX facts_now ON facts (tenant, id) WHERE retired_at IS NULL;
CREATE INDEX facts_by_text ON facts (tenant, text_key) WHERE retired_at IS NULL;
CREATE INDEX facts_by_subject ON facts (tenant, subject_id, type, object_id, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;
CREATE INDEX facts_by_object ON facts (tenant, object_id, type, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;
CREATE INDEX facts_by_type ON facts (tenant, type, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;

-- Of the present version of each fact that is believed.
CREATE TABLE fact_entities (
  entity_id TEXT NOT NULL,
  fact_id TEXT NOT NULL,
  PRIMARY KEY (entity_id, fact_id)
) WITHOUT ROWID;
CREATE INDEX fact_entities_of_fact ON fact_entities (fact_id);

CREATE TABLE sources (
  fact_id TEXT NOT NULL,
  episode_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  agent_id TEXT,
  run_id TEXT,
  PRIMARY KEY (fact_id, episode_id, turn_id)
) WITHOUT ROWID;
CREATE INDEX sources_in_episode ON sources (episode_id, fact_id);

-- Everything that ever changed, in order; projections follow it, history reads it.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  action TEXT NOT NULL,
  tenant TEXT NOT NULL,
  episode_id TEXT,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  after TEXT
);
CREATE INDEX events_of_thing ON events (id, seq);
CREATE INDEX events_by_episode ON events (episode_id, seq);

CREATE TABLE embeddings (
  model TEXT NOT NULL,
  digest TEXT NOT NULL,
  vector BLOB NOT NULL,
  PRIMARY KEY (model, digest)
) WITHOUT ROWID;
