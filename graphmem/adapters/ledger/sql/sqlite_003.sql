-- What was said, and what is believed because of it.

-- Never changed, only set aside (`undone`). `object_id` is an entity's id, or `=` and the key of an
-- attribute's value; `body` is the statement.
CREATE TABLE statements (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  episode_id TEXT NOT NULL,
  subject_id TEXT,
  type TEXT,
  object_id TEXT,
  text_key TEXT NOT NULL,
  undone INTEGER NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX statements_by_subject ON statements (tenant, subject_id, type, object_id)
  WHERE subject_id IS NOT NULL;
CREATE INDEX statements_by_object ON statements (tenant, object_id, type)
  WHERE object_id IS NOT NULL;
CREATE INDEX statements_by_text ON statements (tenant, text_key);
CREATE INDEX statements_of_episode ON statements (episode_id);

-- Which fact rests, or has rested, on which statement.
CREATE TABLE supports (
  statement_id TEXT NOT NULL,
  fact_id TEXT NOT NULL,
  PRIMARY KEY (statement_id, fact_id)
) WITHOUT ROWID;
CREATE INDEX supports_of_fact ON supports (fact_id);

-- What a person set by hand on a fact; `at` is when, and tells the events that came of it.
CREATE TABLE edits (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  fact_id TEXT NOT NULL,
  at TEXT NOT NULL,
  undone INTEGER NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX edits_of_fact ON edits (fact_id);
CREATE INDEX edits_by_time ON edits (tenant, at);

-- Two entities that a person said are one; `body` is the kept one as it was before.
CREATE TABLE merges (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  kept_id TEXT NOT NULL,
  gone_id TEXT NOT NULL,
  at TEXT NOT NULL,
  undone INTEGER NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX merges_of_kept ON merges (kept_id);
CREATE INDEX merges_of_gone ON merges (gone_id);
CREATE INDEX merges_by_time ON merges (tenant, at);

-- The entity that it stands for since it was merged; and since when it is not seen any more, because
-- it was, or because all that spoke of it was undone.
ALTER TABLE entities ADD COLUMN merged_into TEXT;
ALTER TABLE entities ADD COLUMN gone_at TEXT;
CREATE INDEX entities_merged ON entities (merged_into) WHERE merged_into IS NOT NULL;

-- From when it held, NULL when nobody knows; and how it is meant.
ALTER TABLE facts ADD COLUMN begins_at TEXT;
ALTER TABLE facts ADD COLUMN modality TEXT NOT NULL DEFAULT 'stated';
UPDATE facts SET begins_at = coalesce(
  json_extract(body, '$.valid_at'),
  CASE WHEN json_extract(body, '$.invalid_at')
      <= coalesce(json_extract(body, '$.stated_at'), recorded_at)
    THEN NULL ELSE coalesce(json_extract(body, '$.stated_at'), recorded_at) END);

-- For what was believed at some time: the versions that are believed no more.
CREATE INDEX facts_past ON facts (tenant, id) WHERE retired_at IS NOT NULL;
CREATE INDEX facts_past_by_text ON facts (tenant, text_key) WHERE retired_at IS NOT NULL;
CREATE INDEX facts_past_by_subject ON facts (tenant, subject_id, type, object_id, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE INDEX facts_past_by_object ON facts (tenant, object_id, type, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE INDEX facts_past_by_type ON facts (tenant, type, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE TABLE past_entities (
  entity_id TEXT NOT NULL,
  fact_id TEXT NOT NULL,
  PRIMARY KEY (entity_id, fact_id)
) WITHOUT ROWID;
CREATE INDEX past_entities_of_fact ON past_entities (fact_id);
CREATE TABLE past_sources (
  fact_id TEXT NOT NULL,
  episode_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  agent_id TEXT,
  run_id TEXT,
  PRIMARY KEY (fact_id, episode_id, turn_id)
) WITHOUT ROWID;
CREATE INDEX past_sources_in_episode ON past_sources (episode_id, fact_id);
INSERT OR IGNORE INTO past_entities (entity_id, fact_id)
SELECT e.value, f.id FROM facts AS f, json_each(f.body, '$.entity_ids') AS e
WHERE f.retired_at IS NOT NULL;
INSERT OR IGNORE INTO past_sources (fact_id, episode_id, turn_id, agent_id, run_id)
SELECT f.id, json_extract(s.value, '$.episode_id'),
  coalesce(json_extract(s.value, '$.turn_id'), ''), json_extract(s.value, '$.agent_id'),
  json_extract(s.value, '$.run_id')
FROM facts AS f, json_each(f.body, '$.sources') AS s WHERE f.retired_at IS NOT NULL;

-- What was believed before there were statements is its own statement, one for each episode that
-- supports it; the first has the fact's id.
CREATE TEMP TABLE said AS
SELECT f.id AS fact_id, f.body AS body, f.tenant AS tenant, f.text_key AS text_key,
  s.episode_id AS episode_id,
  row_number() OVER (PARTITION BY f.id ORDER BY s.episode_id) AS place
FROM facts AS f JOIN (SELECT DISTINCT fact_id, episode_id FROM sources) AS s ON s.fact_id = f.id
WHERE f.retired_at IS NULL;
INSERT INTO statements (id, tenant, episode_id, subject_id, type, object_id, text_key, undone, body)
SELECT CASE place WHEN 1 THEN fact_id ELSE fact_id || ':' || place END, tenant, episode_id,
  json_extract(body, '$.subject_id'), json_extract(body, '$.type'),
  json_extract(body, '$.object_id'), text_key, 0,
  json_object(
    'id', CASE place WHEN 1 THEN fact_id ELSE fact_id || ':' || place END,
    'episode_id', episode_id, 'text', json_extract(body, '$.text'),
    'stated_at', coalesce(json_extract(body, '$.stated_at'), json_extract(body, '$.recorded_at')),
    'turn', 0, 'ordinal', 0, 'subject_id', json_extract(body, '$.subject_id'),
    'type', json_extract(body, '$.type'), 'object_id', json_extract(body, '$.object_id'),
    'value', NULL, 'entity_ids', json_extract(body, '$.entity_ids'),
    'valid_at', json_extract(body, '$.valid_at'), 'invalid_at', json_extract(body, '$.invalid_at'),
    'kind', 'assert', 'modality', 'stated', 'importance', json_extract(body, '$.importance'),
    'sources', (SELECT json_group_array(json(v.value)) FROM json_each(body, '$.sources') AS v
      WHERE json_extract(v.value, '$.episode_id') = said.episode_id),
    'key', NULL, 'scope', json_extract(body, '$.scope'),
    'expires_at', json_extract(body, '$.expires_at'),
    'memory_type', json_extract(body, '$.memory_type'),
    'metadata', json_extract(body, '$.metadata'), 'tags', json_extract(body, '$.tags'))
FROM said;
INSERT INTO supports (statement_id, fact_id)
SELECT CASE place WHEN 1 THEN fact_id ELSE fact_id || ':' || place END, fact_id FROM said;
DROP TABLE said;
