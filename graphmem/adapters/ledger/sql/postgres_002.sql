-- What was said, and what is believed because of it.

-- Never changed, only set aside (`undone`). `object_id` is an entity's id, or `=` and the key of an
-- attribute's value; `body` is the statement.
CREATE TABLE statements (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  episode_id text COLLATE "C" NOT NULL,
  subject_id text COLLATE "C",
  type text COLLATE "C",
  object_id text COLLATE "C",
  text_key text COLLATE "C" NOT NULL,
  undone boolean NOT NULL,
  body text COLLATE "C" NOT NULL
);
CREATE INDEX statements_by_subject ON statements (tenant, subject_id, type, left(object_id, 100))
  WHERE subject_id IS NOT NULL;
CREATE INDEX statements_by_object ON statements (tenant, left(object_id, 100), type)
  WHERE object_id IS NOT NULL;
CREATE INDEX statements_by_text ON statements (tenant, hashtextextended(text_key, 0));
CREATE INDEX statements_of_episode ON statements (episode_id);

-- Which fact rests, or has rested, on which statement.
CREATE TABLE supports (
  statement_id text COLLATE "C" NOT NULL,
  fact_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (statement_id, fact_id)
);
CREATE INDEX supports_of_fact ON supports (fact_id);

-- What a person set by hand on a fact; `at` is when, and tells the events that came of it.
CREATE TABLE edits (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  fact_id text COLLATE "C" NOT NULL,
  at text COLLATE "C" NOT NULL,
  undone boolean NOT NULL,
  body text COLLATE "C" NOT NULL
);
CREATE INDEX edits_of_fact ON edits (fact_id);
CREATE INDEX edits_by_time ON edits (tenant, at);

-- Two entities that a person said are one; `body` is the kept one as it was before.
CREATE TABLE merges (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  kept_id text COLLATE "C" NOT NULL,
  gone_id text COLLATE "C" NOT NULL,
  at text COLLATE "C" NOT NULL,
  undone boolean NOT NULL,
  body text COLLATE "C" NOT NULL
);
CREATE INDEX merges_of_kept ON merges (kept_id);
CREATE INDEX merges_of_gone ON merges (gone_id);
CREATE INDEX merges_by_time ON merges (tenant, at);

-- The entity that it stands for since it was merged; and since when it is not seen any more, because
-- it was, or because all that spoke of it was undone.
ALTER TABLE entities ADD COLUMN merged_into text COLLATE "C";
ALTER TABLE entities ADD COLUMN gone_at text COLLATE "C";
CREATE INDEX entities_merged ON entities (merged_into) WHERE merged_into IS NOT NULL;

-- From when it held, NULL when nobody knows; and how it is meant.
ALTER TABLE facts ADD COLUMN begins_at text COLLATE "C";
ALTER TABLE facts ADD COLUMN modality text COLLATE "C" NOT NULL DEFAULT 'stated';
UPDATE facts SET begins_at = coalesce(
  body::jsonb ->> 'valid_at',
  CASE WHEN (body::jsonb ->> 'invalid_at') COLLATE "C"
      <= coalesce(body::jsonb ->> 'stated_at', recorded_at) COLLATE "C"
    THEN NULL ELSE coalesce(body::jsonb ->> 'stated_at', recorded_at) END);

-- For what was believed at some time: the versions that are believed no more.
CREATE INDEX facts_past ON facts (tenant, id) WHERE retired_at IS NOT NULL;
CREATE INDEX facts_past_by_text ON facts (tenant, hashtextextended(text_key, 0)) WHERE retired_at IS NOT NULL;
CREATE INDEX facts_past_by_subject ON facts (tenant, subject_id, type, object_id, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE INDEX facts_past_by_object ON facts (tenant, object_id, type, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE INDEX facts_past_by_type ON facts (tenant, type, id)
  WHERE retired_at IS NOT NULL AND type IS NOT NULL;
CREATE TABLE past_entities (
  entity_id text COLLATE "C" NOT NULL,
  fact_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (entity_id, fact_id)
);
CREATE INDEX past_entities_of_fact ON past_entities (fact_id);
CREATE TABLE past_sources (
  fact_id text COLLATE "C" NOT NULL,
  episode_id text COLLATE "C" NOT NULL,
  turn_id text COLLATE "C" NOT NULL,
  agent_id text COLLATE "C",
  run_id text COLLATE "C",
  PRIMARY KEY (fact_id, episode_id, turn_id)
);
CREATE INDEX past_sources_in_episode ON past_sources (episode_id, fact_id);
INSERT INTO past_entities (entity_id, fact_id)
SELECT DISTINCT e.id, f.id
FROM facts AS f, jsonb_array_elements_text(f.body::jsonb -> 'entity_ids') AS e (id)
WHERE f.retired_at IS NOT NULL;
INSERT INTO past_sources (fact_id, episode_id, turn_id, agent_id, run_id)
SELECT f.id, s.one ->> 'episode_id', coalesce(s.one ->> 'turn_id', ''), s.one ->> 'agent_id',
  s.one ->> 'run_id'
FROM facts AS f, jsonb_array_elements(f.body::jsonb -> 'sources') AS s (one)
WHERE f.retired_at IS NOT NULL
ON CONFLICT DO NOTHING;

-- What was believed before there were statements is its own statement, one for each episode that
-- supports it; the first has the fact's id.
CREATE TEMP TABLE said ON COMMIT DROP AS
SELECT f.id AS fact_id, f.body::jsonb AS body, f.tenant AS tenant, f.text_key AS text_key,
  s.episode_id AS episode_id,
  f.id || CASE WHEN row_number() OVER own = 1 THEN '' ELSE ':' || row_number() OVER own END AS id
FROM facts AS f JOIN (SELECT DISTINCT fact_id, episode_id FROM sources) AS s ON s.fact_id = f.id
WHERE f.retired_at IS NULL
WINDOW own AS (PARTITION BY f.id ORDER BY s.episode_id);
INSERT INTO statements (id, tenant, episode_id, subject_id, type, object_id, text_key, undone, body)
SELECT id, tenant, episode_id, body ->> 'subject_id', body ->> 'type', body ->> 'object_id',
  text_key, false,
  jsonb_build_object(
    'id', id, 'episode_id', episode_id, 'text', body ->> 'text',
    'stated_at', coalesce(body ->> 'stated_at', body ->> 'recorded_at'),
    'turn', 0, 'ordinal', 0, 'subject_id', body -> 'subject_id', 'type', body -> 'type',
    'object_id', body -> 'object_id', 'value', NULL, 'entity_ids', body -> 'entity_ids',
    'valid_at', body -> 'valid_at', 'invalid_at', body -> 'invalid_at',
    'kind', 'assert', 'modality', 'stated', 'importance', body -> 'importance',
    'sources', (SELECT jsonb_agg(v.one) FROM jsonb_array_elements(body -> 'sources') AS v (one)
      WHERE v.one ->> 'episode_id' = said.episode_id),
    'key', NULL, 'scope', body -> 'scope', 'expires_at', body -> 'expires_at',
    'memory_type', body -> 'memory_type', 'metadata', body -> 'metadata',
    'tags', body -> 'tags')::text
FROM said;
INSERT INTO supports (statement_id, fact_id) SELECT id, fact_id FROM said;
