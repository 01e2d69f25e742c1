-- Every statement of the PostgreSQL ledger, by name: the same names as SQLite's, with the same
-- parameters and columns. Lists arrive as arrays. What may be longer than an index takes is indexed
-- and looked up by its hash, and then compared.

-- name: setting
-- A fact about the store itself.
SELECT value FROM settings WHERE name = :name;

-- name: set_setting_once
-- Only when nothing is set.
INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING;

-- name: set_setting
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: same_key
-- The episode with this idempotency key in this place.
SELECT id FROM episodes WHERE hashtextextended(place, 0) = hashtextextended(:place, 0) AND place = :place
  AND idempotency_key = :key;

-- name: same_content
-- An earlier episode with this content in this place, that happened within a stretch of time.
SELECT id FROM episodes
WHERE hashtextextended(place, 0) = hashtextextended(:place, 0) AND place = :place
  AND content_hash = :content_hash AND time_given = :time_given
  AND occurred_at >= :since AND occurred_at <= :until
ORDER BY occurred_at LIMIT 1;

-- name: last_episode
-- The newest episode in this place.
SELECT id FROM episodes
WHERE hashtextextended(place, 0) = hashtextextended(:place, 0) AND place = :place
ORDER BY n DESC LIMIT 1;

-- name: add_episode
INSERT INTO episodes (n, id, wall, place, project_id, user_id, agent_id, run_id, kind, content,
  content_hash, occurred_at, time_given, recorded_at, previous_id, idempotency_key, expires_at,
  memory_type, importance, metadata, tags, infer, status, reason)
VALUES ((SELECT coalesce(max(n), 0) + 1 FROM episodes), :id, :wall, :place, :project_id, :user_id, :agent_id, :run_id, :kind, :content,
  :content_hash, :occurred_at, :time_given, :recorded_at, :previous_id, :idempotency_key,
  :expires_at, :memory_type, :importance, :metadata, :tags, :infer, :status, :reason);

-- name: add_turn
INSERT INTO turns (id, episode_id, ordinal, wall, speaker, role, text, occurred_at, source_id)
VALUES (:id, :episode_id, :ordinal, :wall, :speaker, :role, :text, :occurred_at, :source_id);

-- name: set_done
UPDATE episodes SET status = 'done', reason = NULL WHERE id = :id;

-- name: postpone
-- What another process has finished meanwhile stays so.
UPDATE episodes SET status = :status, reason = :reason WHERE id = :id AND status <> 'done';

-- name: statuses
-- Of these episodes, in one wall or (no wall) anywhere.
SELECT id, status FROM episodes
WHERE id = ANY(:ids::text[]) AND (:wall::text IS NULL OR wall = :wall);

-- name: add_event
INSERT INTO events (seq, at, kind, id, action, wall, episode_id, actor, reason, after)
VALUES (:seq, :at, :kind, :id, :action, :wall, :episode_id, :actor, :reason, :after);

-- name: keep_extraction
-- Of an episode that was erased while it was extracted, nothing is kept.
INSERT INTO extractions (episode_id, extractor, version, raw, calls, tokens_in, tokens_out)
SELECT :episode_id, :extractor, :version, :raw, :calls, :tokens_in, :tokens_out
WHERE EXISTS (SELECT 1 FROM episodes WHERE id = :episode_id)
ON CONFLICT (episode_id) DO UPDATE SET extractor = excluded.extractor, version = excluded.version,
  raw = coalesce(excluded.raw, extractions.raw), calls = extractions.calls + excluded.calls, tokens_in = extractions.tokens_in + excluded.tokens_in,
  tokens_out = extractions.tokens_out + excluded.tokens_out;

-- name: extraction
SELECT extractor, version, raw, calls, tokens_in, tokens_out
FROM extractions WHERE episode_id = :episode_id;

-- name: put_entity
INSERT INTO entities (id, wall, name, key, kind, body)
VALUES (:id, :wall, :name, :key, :kind, :body)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key, kind = excluded.kind,
  body = excluded.body;

-- name: clear_aliases
DELETE FROM aliases WHERE entity_id = :id;

-- name: add_alias
INSERT INTO aliases (wall, key, entity_id) VALUES (:wall, :key, :id)
ON CONFLICT DO NOTHING;

-- name: add_mention
INSERT INTO mentions (turn_id, entity_id, episode_id)
VALUES (:turn_id, :entity_id, :episode_id)
ON CONFLICT DO NOTHING;

-- name: facts_now
-- The present versions of those of these facts that are believed.
SELECT id, version, wall, body FROM facts
WHERE id = ANY(:ids::text[]) AND retired_at IS NULL;

-- name: add_fact
INSERT INTO facts (id, version, wall, text_key, subject_id, type, object_id, recorded_at,
  retired_at, ends_at, body)
VALUES (:id, :version, :wall, :text_key, :subject_id, :type, :object_id, :recorded_at,
  :retired_at, :ends_at, :body);

-- name: replace_fact
-- The same version with another body: a source came or went, belief did not change.
UPDATE facts SET body = :body WHERE id = :id AND version = :version;

-- name: retire_fact
UPDATE facts SET retired_at = :retired_at, body = :body
WHERE id = :id AND retired_at IS NULL;

-- name: clear_fact_entities
DELETE FROM fact_entities WHERE fact_id = :id;

-- name: add_fact_entity
INSERT INTO fact_entities (entity_id, fact_id) VALUES (:entity_id, :fact_id)
ON CONFLICT DO NOTHING;

-- name: clear_sources
DELETE FROM sources WHERE fact_id = :id;

-- name: add_source
INSERT INTO sources (fact_id, episode_id, turn_id, agent_id, run_id)
VALUES (:fact_id, :episode_id, :turn_id, :agent_id, :run_id)
ON CONFLICT DO NOTHING;

-- name: episodes
-- Episodes of a wall, narrowed by agent, run and status, oldest first.
SELECT * FROM episodes
WHERE wall = :wall
  AND (:agent_id::text IS NULL OR agent_id = :agent_id)
  AND (:run_id::text IS NULL OR run_id = :run_id)
  AND (:status::text IS NULL OR status = :status)
ORDER BY n LIMIT :limit;

-- name: episodes_unfinished
-- As above, by way of the few that are not done.
SELECT * FROM episodes
WHERE status <> 'done' AND status = :status AND wall = :wall
  AND (:agent_id::text IS NULL OR agent_id = :agent_id)
  AND (:run_id::text IS NULL OR run_id = :run_id)
ORDER BY n LIMIT :limit;

-- name: episodes_by_id
SELECT * FROM episodes WHERE id = ANY(:ids::text[]) ORDER BY n;

-- name: turns_of_episodes
SELECT * FROM turns WHERE episode_id = ANY(:ids::text[])
ORDER BY episode_id, ordinal;

-- name: turns_around
-- Turns by id with their neighbours in the same episode.
SELECT DISTINCT near.* FROM turns AS hit
JOIN turns AS near ON near.episode_id = hit.episode_id
  AND near.ordinal BETWEEN hit.ordinal - :around AND hit.ordinal + :around
WHERE hit.id = ANY(:ids::text[]) AND hit.wall = :wall
ORDER BY near.episode_id, near.ordinal;

-- name: facts_of_wall
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND wall = :wall AND (:after::text IS NULL OR id {past} :after) {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_id
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND wall = :wall AND id = ANY(:ids::text[]) {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_text
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND wall = :wall
  AND hashtextextended(text_key, 0) = hashtextextended(:text_key, 0) AND text_key = :text_key {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_subject
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall AND subject_id = :subject_id {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_subject_type
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall AND subject_id = :subject_id AND type = :type {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_subject_object
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall AND subject_id = :subject_id AND object_id = :object_id {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_triple
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall AND subject_id = :subject_id
  AND type = :type AND object_id = :object_id {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_object
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall AND object_id = :object_id {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_object_type
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall AND object_id = :object_id AND type = :type {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_type
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall AND type = :type {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_related
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND type IS NOT NULL AND wall = :wall {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_about
-- Facts about one entity: the cost is that of the rows returned, however many it has.
SELECT body FROM fact_entities AS about
JOIN facts AS f ON f.id = about.fact_id AND f.retired_at IS NULL AND f.wall = :wall
WHERE about.entity_id = :entity_id AND (:after::text IS NULL OR about.fact_id {past} :after) {filters}
ORDER BY about.fact_id {order} LIMIT :limit;

-- name: facts_from_episode
SELECT body FROM facts AS f
WHERE retired_at IS NULL AND wall = :wall
  AND id IN (SELECT fact_id FROM sources WHERE episode_id = :episode_id) {filters}
ORDER BY id {order} LIMIT :limit;

-- name: fact_filters
-- Appended to each of the above.
AND (:current::text IS NULL OR f.ends_at IS NULL OR f.ends_at > :current)
AND (NOT :relations_only::boolean OR f.type IS NOT NULL)
AND ((:agent_id::text IS NULL AND :run_id::text IS NULL) OR EXISTS (
  SELECT 1 FROM sources AS s WHERE s.fact_id = f.id
    AND (:agent_id::text IS NULL OR s.agent_id = :agent_id)
    AND (:run_id::text IS NULL OR s.run_id = :run_id)));

-- name: entities_by_id
SELECT body FROM entities
WHERE id = ANY(:ids::text[]) AND wall = :wall ORDER BY name, id LIMIT :limit;

-- name: entities_by_key
SELECT body FROM entities WHERE id IN (
  SELECT a.entity_id FROM unnest(:keys::text[]) AS wanted (key)
  JOIN aliases AS a ON a.wall = :wall
    AND hashtextextended(a.key, 0) = hashtextextended(wanted.key, 0) AND a.key = wanted.key)
ORDER BY name, id LIMIT :limit;

-- name: entities_of_wall
SELECT body FROM entities
WHERE wall = :wall AND left(name, 100) >= left(:after_name, 100)
  AND (name, id) > (:after_name, :after_id)
  AND (:kind::text IS NULL OR kind = :kind)
  AND (:contains::text IS NULL OR strpos(key, :contains) > 0)
ORDER BY left(name, 100), name, id LIMIT :limit;

-- name: history
SELECT * FROM events WHERE id = :id AND kind = 'fact' AND wall = :wall ORDER BY seq;

-- name: changed_last
-- The last event that changed what is believed in a wall: a journalled episode does not.
SELECT coalesce(max(seq), 0) AS seq FROM events
WHERE wall = :wall AND (kind <> 'episode' OR action <> 'ADD');

-- name: lock
-- What every writing transaction takes first: one writes at a time, so that events become visible
-- in order and without gaps. Gives the version of the schema.
SELECT version FROM graphmem_ledger FOR UPDATE;

-- name: head
SELECT coalesce(max(seq), 0) AS head FROM events;

-- name: events
SELECT seq, at, kind, id, action, wall, after FROM events
WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: existing_episode
SELECT id FROM episodes WHERE id = ANY(:ids::text[]);

-- name: existing_entity
SELECT id FROM entities WHERE id = ANY(:ids::text[]);

-- name: existing_fact
SELECT id FROM facts WHERE retired_at IS NULL AND id = ANY(:ids::text[]);

-- name: present_episode
SELECT id FROM episodes WHERE :wall::text IS NULL OR wall = :wall;

-- name: present_turn
-- Turns of episodes stored as they are (no inference) are facts already.
SELECT t.id FROM turns AS t JOIN episodes AS e ON e.id = t.episode_id
WHERE e.infer AND (:wall::text IS NULL OR t.wall = :wall);

-- name: present_entity
SELECT id FROM entities WHERE :wall::text IS NULL OR wall = :wall;

-- name: present_fact
SELECT id FROM facts WHERE retired_at IS NULL AND (:wall::text IS NULL OR wall = :wall);

-- name: present_mention
SELECT DISTINCT m.episode_id || ' ' || m.entity_id AS id FROM mentions AS m
JOIN entities AS e ON e.id = m.entity_id WHERE :wall::text IS NULL OR e.wall = :wall;

-- name: cached
SELECT digest, vector FROM embeddings
WHERE model = :model AND digest = ANY(:digests::text[]);

-- name: cache
INSERT INTO embeddings (model, digest, vector) VALUES (:model, :digest, :vector)
ON CONFLICT DO NOTHING;

-- name: stats
-- Counts of one wall narrowed by agent and run, or (no wall) of the whole store.
WITH mine AS (
  SELECT id, status FROM episodes
  WHERE (:wall::text IS NULL OR wall = :wall)
    AND (:agent_id::text IS NULL OR agent_id = :agent_id)
    AND (:run_id::text IS NULL OR run_id = :run_id)
), believed AS (
  SELECT f.id, f.type FROM facts AS f
  WHERE f.retired_at IS NULL AND (:wall::text IS NULL OR f.wall = :wall)
    AND ((:agent_id::text IS NULL AND :run_id::text IS NULL) OR EXISTS (
      SELECT 1 FROM sources AS s WHERE s.fact_id = f.id
        AND (:agent_id::text IS NULL OR s.agent_id = :agent_id)
        AND (:run_id::text IS NULL OR s.run_id = :run_id)))
)
SELECT
  (SELECT count(*) FROM mine) AS episodes,
  (SELECT count(*) FROM mine WHERE status = 'pending') AS pending,
  (SELECT count(*) FROM turns WHERE episode_id IN (SELECT id FROM mine)) AS turns,
  (SELECT count(*) FROM believed) AS facts,
  (SELECT count(*) FROM believed WHERE type IS NOT NULL) AS relations,
  (CASE WHEN :agent_id::text IS NULL AND :run_id::text IS NULL
    THEN (SELECT count(*) FROM entities WHERE :wall::text IS NULL OR wall = :wall)
    ELSE (SELECT count(*) FROM (
      SELECT entity_id FROM mentions WHERE episode_id IN (SELECT id FROM mine)
      UNION SELECT entity_id FROM fact_entities WHERE fact_id IN (SELECT id FROM believed)))
  END) AS entities,
  (SELECT coalesce(sum(calls), 0)::bigint FROM extractions
    WHERE episode_id IN (SELECT id FROM mine)) AS model_calls,
  (SELECT coalesce(sum(tokens_in), 0)::bigint FROM extractions
    WHERE episode_id IN (SELECT id FROM mine)) AS tokens_in,
  (SELECT coalesce(sum(tokens_out), 0)::bigint FROM extractions
    WHERE episode_id IN (SELECT id FROM mine)) AS tokens_out;

-- name: erase_targets
-- Episodes of a scope: all that its agent and run narrow it to.
SELECT id FROM episodes
WHERE wall = :wall
  AND (:agent_id::text IS NULL OR agent_id = :agent_id)
  AND (:run_id::text IS NULL OR run_id = :run_id);

-- name: erase_targets_by_id
-- Of these episodes, those of a scope.
SELECT id FROM episodes
WHERE id = ANY(:ids::text[]) AND wall = :wall
  AND (:agent_id::text IS NULL OR agent_id = :agent_id)
  AND (:run_id::text IS NULL OR run_id = :run_id);

-- name: erase_facts_of_wall
-- Of these facts, the ones in this wall, retired ones too.
SELECT DISTINCT id FROM facts
WHERE wall = :wall AND id = ANY(:ids::text[]);

-- name: bodies_of
-- Every version of these facts, and these entities: their texts may have been embedded.
SELECT body FROM facts WHERE id = ANY(:facts::text[])
UNION ALL SELECT body FROM entities WHERE id = ANY(:entities::text[]);

-- name: erase_facts_from
-- Facts that these episodes support now, or once wrote, each with what is believed of it now.
SELECT touched.id, now.body FROM (
  SELECT fact_id AS id FROM sources WHERE episode_id = ANY(:episodes::text[])
  UNION
  SELECT id FROM events
  WHERE kind = 'fact' AND episode_id = ANY(:episodes::text[])
) AS touched
LEFT JOIN facts AS now ON now.id = touched.id AND now.retired_at IS NULL;

-- name: erase_orphans
-- Entities of these that nothing mentions and no believed fact is about.
SELECT id FROM entities
WHERE id = ANY(:ids::text[])
  AND NOT EXISTS (SELECT 1 FROM mentions AS m WHERE m.entity_id = entities.id)
  AND NOT EXISTS (SELECT 1 FROM fact_entities AS fe WHERE fe.entity_id = entities.id);

-- name: entities_touched
-- Entities that these episodes mention or these facts are about.
SELECT entity_id AS id FROM mentions WHERE episode_id = ANY(:episodes::text[])
UNION
SELECT entity_id FROM fact_entities WHERE fact_id = ANY(:facts::text[]);

-- name: erase_facts
DELETE FROM facts WHERE id = ANY(:ids::text[]);

-- name: erase_fact_entities
DELETE FROM fact_entities WHERE fact_id = ANY(:ids::text[]);

-- name: erase_sources
DELETE FROM sources WHERE fact_id = ANY(:ids::text[]);

-- name: erase_mentions
DELETE FROM mentions WHERE episode_id = ANY(:ids::text[]);

-- name: erase_extractions
DELETE FROM extractions WHERE episode_id = ANY(:ids::text[]);

-- name: erase_turns
DELETE FROM turns WHERE episode_id = ANY(:ids::text[]);

-- name: erase_episodes
DELETE FROM episodes WHERE id = ANY(:ids::text[]);

-- name: erase_aliases
DELETE FROM aliases WHERE entity_id = ANY(:ids::text[]);

-- name: erase_entities
DELETE FROM entities WHERE id = ANY(:ids::text[]);

-- name: forget_events
-- What was erased leaves its history too: only that something was there stays.
UPDATE events SET after = NULL, reason = '' WHERE id = ANY(:ids::text[]);

-- name: closings
-- Changes that these episodes made to facts.
SELECT e.id, e.seq, e.after FROM events AS e
WHERE e.kind = 'fact' AND e.action = 'UPDATE'
  AND e.episode_id = ANY(:episodes::text[])
ORDER BY e.seq DESC;

-- name: state_before
SELECT after FROM events
WHERE id = :id AND kind = 'fact' AND seq < :seq AND after IS NOT NULL ORDER BY seq DESC LIMIT 1;

-- name: erase_embeddings
-- Cached vectors of erased texts.
DELETE FROM embeddings WHERE digest = ANY(:digests::text[]);

-- name: first
-- The first rows of a table, as they are.
SELECT {columns} FROM {table} ORDER BY {key} LIMIT :limit;

-- name: next
-- The rows after one that was read.
SELECT {columns} FROM {table} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT :limit;

-- name: load
-- A row as it is in another ledger; one that is there is replaced by itself.
INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT {conflict};

-- name: note_loaded
-- Up to where a table has been loaded.
INSERT INTO loads (name, after) VALUES (:name, :after)
ON CONFLICT (name) DO UPDATE SET after = excluded.after;

-- name: loaded
SELECT after FROM loads WHERE name = :name;
