-- The first schema of a ledger; a later change of it is a file of the next number.

-- name: graphmem_ledger [postgres]
-- One row: the version of the schema, and the lock that every writing transaction takes. SQLite has
-- a number for it in the file, and one writer.
CREATE TABLE graphmem_ledger (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL
);
INSERT INTO graphmem_ledger (version) VALUES (0);

-- name: settings
CREATE TABLE settings (
  name {text} PRIMARY KEY,
  value {text} NOT NULL
){keyed};

-- name: episodes
-- Input as it was received. `scope_key` is the full scope, what duplicates are looked for in;
-- `extraction` how the call asked for it to be extracted, for when that is done later.
CREATE TABLE episodes (
  n {row_number},
  id {text} NOT NULL UNIQUE,
  tenant {text} NOT NULL,
  scope_key {text} NOT NULL,
  project_id {text} NOT NULL,
  user_id {text},
  agent_id {text},
  run_id {text},
  kind {text} NOT NULL,
  content {text} NOT NULL,
  content_hash {text} NOT NULL,
  occurred_at {text} NOT NULL,
  time_given boolean NOT NULL,
  recorded_at {text} NOT NULL,
  previous_id {text},
  idempotency_key {text},
  expires_at {text},
  memory_type {text} NOT NULL,
  importance double precision NOT NULL,
  metadata {text} NOT NULL,
  tags {text} NOT NULL,
  infer boolean NOT NULL,
  status {text} NOT NULL,
  reason {text},
  extraction {text}
);
CREATE INDEX episodes_by_tenant ON episodes (tenant, n);
CREATE INDEX episodes_by_scope ON episodes ({hash:scope_key}, n);
CREATE INDEX episodes_by_content ON episodes ({hash:scope_key}, content_hash, occurred_at);
CREATE INDEX episodes_unfinished ON episodes (status, tenant, n) WHERE status <> 'done';

-- name: episodes_by_key [sqlite]
CREATE UNIQUE INDEX episodes_by_key ON episodes (scope_key, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- name: episodes_by_key [postgres]
CREATE INDEX episodes_by_key ON episodes (hashtextextended(scope_key, 0), idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- name: turns
CREATE TABLE turns (
  id {text} PRIMARY KEY,
  episode_id {text} NOT NULL REFERENCES episodes (id),
  ordinal bigint NOT NULL,
  tenant {text} NOT NULL,
  speaker {text},
  role {text} NOT NULL,
  text {text} NOT NULL,
  occurred_at {text},
  source_id {text},
  UNIQUE (episode_id, ordinal)
);

-- name: extractions
-- A model's raw answers: a replay never pays twice.
CREATE TABLE extractions (
  episode_id {text} PRIMARY KEY REFERENCES episodes (id),
  extractor {text} NOT NULL,
  version {text} NOT NULL,
  raw {text},
  calls bigint NOT NULL,
  tokens_in bigint NOT NULL,
  tokens_out bigint NOT NULL
){keyed};

-- name: entities
-- `merged_into` is the entity that it stands for since it was merged; `gone_at` since when it is
-- hidden, because it was, or because every episode that spoke of it was undone.
CREATE TABLE entities (
  id {text} PRIMARY KEY,
  tenant {text} NOT NULL,
  name {text} NOT NULL,
  key {text} NOT NULL,
  kind {text} NOT NULL,
  body {text} NOT NULL,
  merged_into {text},
  gone_at {text}
){keyed};
CREATE INDEX entities_by_name ON entities (tenant, {prefix:name}, id);
CREATE INDEX entities_merged ON entities (merged_into) WHERE merged_into IS NOT NULL;

-- name: aliases [sqlite]
CREATE TABLE aliases (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  entity_id TEXT NOT NULL REFERENCES entities (id),
  PRIMARY KEY (tenant, key, entity_id)
) WITHOUT ROWID;
CREATE INDEX aliases_of_entity ON aliases (entity_id);

-- name: aliases [postgres]
CREATE TABLE aliases (
  tenant {text} NOT NULL,
  key {text} NOT NULL,
  entity_id {text} NOT NULL REFERENCES entities (id)
);
CREATE INDEX aliases_by_key ON aliases (tenant, {hash:key}, entity_id);
CREATE UNIQUE INDEX aliases_of_entity ON aliases (entity_id, {hash:key});

-- name: mentions
CREATE TABLE mentions (
  turn_id {text} NOT NULL REFERENCES turns (id),
  entity_id {text} NOT NULL REFERENCES entities (id),
  episode_id {text} NOT NULL REFERENCES episodes (id),
  PRIMARY KEY (turn_id, entity_id)
){keyed};
CREATE INDEX mentions_of_entity ON mentions (entity_id, episode_id);
CREATE INDEX mentions_in_episode ON mentions (episode_id, entity_id);

-- name: facts
-- Every version of every fact. `body` is the fact; the columns are what is looked up by.
-- `begins_at` is from when it held, NULL when nobody knows; `ends_at` the earliest of invalid_at,
-- expires_at and archived_at.
CREATE TABLE facts (
  id {text} NOT NULL,
  version bigint NOT NULL,
  tenant {text} NOT NULL,
  text_key {text} NOT NULL,
  subject_id {text},
  type {text},
  object_id {text},
  recorded_at {text} NOT NULL,
  retired_at {text},
  begins_at {text},
  ends_at {text},
  modality {text} NOT NULL,
  body {text} NOT NULL,
  PRIMARY KEY (id, version)
){keyed};
CREATE UNIQUE INDEX facts_now ON facts (tenant, id) WHERE retired_at IS NULL;
CREATE INDEX facts_by_subject ON facts (tenant, subject_id, type, object_id, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;
CREATE INDEX facts_by_object ON facts (tenant, object_id, type, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;
CREATE INDEX facts_by_type ON facts (tenant, type, id)
  WHERE retired_at IS NULL AND type IS NOT NULL;
CREATE INDEX facts_past ON facts (tenant, id) WHERE retired_at IS NOT NULL;
CREATE INDEX facts_past_by_text ON facts (tenant, {hash:text_key}) WHERE retired_at IS NOT NULL;
CREATE INDEX facts_past_by_subject ON facts (tenant, subject_id, type, object_id, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE INDEX facts_past_by_object ON facts (tenant, object_id, type, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE INDEX facts_past_by_type ON facts (tenant, type, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;

-- name: facts_by_text [sqlite]
CREATE INDEX facts_by_text ON facts (tenant, text_key) WHERE retired_at IS NULL;

-- name: facts_by_text [postgres]
CREATE INDEX facts_by_text ON facts (tenant, hashtextextended(text_key, 0), id)
  WHERE retired_at IS NULL;

-- name: fact_entities
-- Of the present version of each fact that is believed, as `sources`; the next two are of versions
-- that are believed no more.
CREATE TABLE fact_entities (
  entity_id {text} NOT NULL,
  fact_id {text} NOT NULL,
  PRIMARY KEY (entity_id, fact_id)
){keyed};
CREATE INDEX fact_entities_of_fact ON fact_entities (fact_id);

-- name: sources
CREATE TABLE sources (
  fact_id {text} NOT NULL,
  episode_id {text} NOT NULL,
  turn_id {text} NOT NULL,
  agent_id {text},
  run_id {text},
  PRIMARY KEY (fact_id, episode_id, turn_id)
){keyed};
CREATE INDEX sources_in_episode ON sources (episode_id, fact_id);

-- name: past_entities
CREATE TABLE past_entities (
  entity_id {text} NOT NULL,
  fact_id {text} NOT NULL,
  PRIMARY KEY (entity_id, fact_id)
){keyed};
CREATE INDEX past_entities_of_fact ON past_entities (fact_id);

-- name: past_sources
CREATE TABLE past_sources (
  fact_id {text} NOT NULL,
  episode_id {text} NOT NULL,
  turn_id {text} NOT NULL,
  agent_id {text},
  run_id {text},
  PRIMARY KEY (fact_id, episode_id, turn_id)
){keyed};
CREATE INDEX past_sources_in_episode ON past_sources (episode_id, fact_id);

-- name: statements
-- Never changed, only set aside (`undone`). `object_id` is an entity's id, or `=` and the key of an
-- attribute's value; `body` is the statement.
CREATE TABLE statements (
  id {text} PRIMARY KEY,
  tenant {text} NOT NULL,
  episode_id {text} NOT NULL,
  subject_id {text},
  type {text},
  object_id {text},
  text_key {text} NOT NULL,
  undone boolean NOT NULL,
  body {text} NOT NULL
){keyed};
CREATE INDEX statements_by_subject ON statements (tenant, subject_id, type, {prefix:object_id})
  WHERE subject_id IS NOT NULL;
CREATE INDEX statements_by_object ON statements (tenant, {prefix:object_id}, type)
  WHERE object_id IS NOT NULL;
CREATE INDEX statements_by_text ON statements (tenant, {hash:text_key});
CREATE INDEX statements_of_episode ON statements (episode_id);

-- name: supports
-- Which fact rests, or has rested, on which statement.
CREATE TABLE supports (
  statement_id {text} NOT NULL,
  fact_id {text} NOT NULL,
  PRIMARY KEY (statement_id, fact_id)
){keyed};
CREATE INDEX supports_of_fact ON supports (fact_id);

-- name: edits
-- What a person set by hand on a fact; `at` is when, and tells the events that came of it.
CREATE TABLE edits (
  id {text} PRIMARY KEY,
  tenant {text} NOT NULL,
  fact_id {text} NOT NULL,
  at {text} NOT NULL,
  undone boolean NOT NULL,
  body {text} NOT NULL
){keyed};
CREATE INDEX edits_of_fact ON edits (fact_id);
CREATE INDEX edits_by_time ON edits (tenant, at);

-- name: merges
-- Two entities that a person said are one; `body` is the kept one as it was before.
CREATE TABLE merges (
  id {text} PRIMARY KEY,
  tenant {text} NOT NULL,
  kept_id {text} NOT NULL,
  gone_id {text} NOT NULL,
  at {text} NOT NULL,
  undone boolean NOT NULL,
  body {text} NOT NULL
){keyed};
CREATE INDEX merges_of_kept ON merges (kept_id);
CREATE INDEX merges_of_gone ON merges (gone_id);
CREATE INDEX merges_by_time ON merges (tenant, at);

-- name: events
-- Everything that ever changed, in order; projections follow it, history reads it.
CREATE TABLE events (
  seq {row_number},
  at {text} NOT NULL,
  kind {text} NOT NULL,
  id {text} NOT NULL,
  action {text} NOT NULL,
  tenant {text} NOT NULL,
  episode_id {text},
  actor {text} NOT NULL,
  reason {text} NOT NULL,
  after {text}
);
CREATE INDEX events_of_thing ON events (id, seq);
CREATE INDEX events_by_episode ON events (episode_id, seq);
CREATE INDEX events_in_tenant ON events (tenant, seq);
CREATE INDEX events_of_entities ON events (tenant, seq) WHERE kind = 'entity';
-- What changed in a tenant since something was decided about it.
CREATE INDEX events_by_tenant ON events (tenant, seq) WHERE kind <> 'episode' OR action <> 'ADD';

-- name: embeddings
CREATE TABLE embeddings (
  model {text} NOT NULL,
  digest {text} NOT NULL,
  vector {bytes} NOT NULL,
  PRIMARY KEY (model, digest)
){keyed};

-- name: embeddings_by_digest [postgres]
CREATE INDEX embeddings_by_digest ON embeddings (digest);

-- name: spend
-- What models cost, by day (UTC), model and tenant (its digest; empty for what is done for all
-- alike, as embedding is). `micros` is money in millionths, by the price table of then.
CREATE TABLE spend (
  day {text} NOT NULL,
  model {text} NOT NULL,
  tenant {text} NOT NULL,
  calls bigint NOT NULL,
  tokens_in bigint NOT NULL,
  tokens_out bigint NOT NULL,
  micros bigint NOT NULL,
  PRIMARY KEY (day, model, tenant)
){keyed};

-- name: users
-- The one place where users are named: everything else knows them, project by project, by a
-- pseudonym, so that to forget a user is to forget this row.
CREATE TABLE users (
  pseudonym {text} PRIMARY KEY,
  name {text} NOT NULL,
  project_id {text} NOT NULL
){keyed};
CREATE UNIQUE INDEX users_by_name ON users (name, project_id);

-- name: erasures
-- Receipts of what was erased for good. `pending` is empty once nothing is left of it anywhere;
-- `tenant` is empty where whose it was has been forgotten too.
CREATE TABLE erasures (
  id {text} PRIMARY KEY,
  tenant {text} NOT NULL,
  at {text} NOT NULL,
  pending {text} NOT NULL,
  body {text} NOT NULL
){keyed};
CREATE INDEX erasures_pending ON erasures (id) WHERE pending <> '';

-- name: loads
-- For copying a store: up to where each table has been loaded from another ledger.
CREATE TABLE loads (
  name {text} PRIMARY KEY,
  after {text} NOT NULL
){keyed};
