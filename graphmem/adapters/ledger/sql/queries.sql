-- Every statement of the ledger, by name, for SQLite and PostgreSQL alike. A name with [sqlite] or
-- [postgres] behind it is for that database alone. Parameters are written `:name`; a list of texts
-- is tested with `= ANY(:name)`. What the databases write in words of their own is named in braces
-- and spelled out in dialects.py. `CROSS JOIN` keeps the order of its tables in SQLite, whose
-- planner would else walk a whole tenant; to PostgreSQL it is any join.

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
-- Of each that is asked for (scope_key and key, as JSON) the episode that has it, by its number.
SELECT a.key AS at, e.id FROM {each:wanted} AS a CROSS JOIN episodes AS e
WHERE {hash:e.scope_key} = {hash:{item:a.value|0}} AND e.scope_key = {item:a.value|0}
  AND e.idempotency_key = {item:a.value|1};

-- name: known_keys
-- Those of these keys that an episode of this scope has; an undone one would be added again.
SELECT idempotency_key AS key FROM episodes
WHERE {hash:scope_key} = {hash::scope_key} AND scope_key = :scope_key AND idempotency_key = ANY(:keys)
  AND status <> 'undone';

-- name: document_parts
-- Episodes of this scope that were read from this document.
SELECT document, id, idempotency_key AS key FROM episodes
WHERE {hash:scope_key} = {hash::scope_key} AND scope_key = :scope_key
  AND {hash:document} = {hash::document} AND document = :document AND status <> 'undone'
ORDER BY n;

-- name: parts_of_documents
-- Episodes of this scope that were read from any document.
SELECT document, id, idempotency_key AS key FROM episodes
WHERE {hash:scope_key} = {hash::scope_key} AND scope_key = :scope_key AND document IS NOT NULL
  AND status <> 'undone'
ORDER BY document, n;

-- name: same_content
-- Of each that is asked for (scope_key, hash, whether the time was given, from, to, as JSON) an
-- earlier episode of this scope with this content, that happened within this time. Without a time
-- of its own, one whose facts others have changed since is no repeat.
SELECT at, id FROM (
  SELECT a.key AS at, (
    SELECT e.id FROM episodes AS e
    WHERE {hash:e.scope_key} = {hash:{item:a.value|0}} AND e.scope_key = {item:a.value|0}
      AND e.content_hash = {item:a.value|1}
      AND e.time_given = CAST({item:a.value|2} AS boolean)
      AND e.occurred_at >= {item:a.value|3}
      AND e.occurred_at <= {item:a.value|4}
      AND (e.time_given OR e.status = 'undone' OR NOT EXISTS (
        SELECT 1 FROM (
          SELECT fact_id FROM sources WHERE episode_id = e.id
          UNION ALL SELECT fact_id FROM past_sources WHERE episode_id = e.id) AS s
        CROSS JOIN events AS v
        WHERE v.id = s.fact_id AND v.seq > (SELECT min(seq) FROM events WHERE id = e.id)
          AND v.kind = 'fact' AND v.action IN ('UPDATE', 'DELETE')
          AND (v.episode_id IS NULL OR v.episode_id <> e.id)))
    ORDER BY e.occurred_at LIMIT 1) AS id
  FROM {each:wanted} AS a) AS found
WHERE id IS NOT NULL;

-- name: last_episode
-- The newest episode in each of these places.
SELECT scope_key, id FROM (
  SELECT a.value AS scope_key, (
    SELECT e.id FROM episodes AS e WHERE {hash:e.scope_key} = {hash:a.value} AND e.scope_key = a.value
    ORDER BY e.n DESC LIMIT 1) AS id
  FROM {each:scope_keys} AS a) AS found
WHERE id IS NOT NULL;

-- name: add_episode
INSERT INTO episodes (n, id, tenant, scope_key, project_id, user_id, agent_id, run_id, kind, content,
  content_hash, occurred_at, time_given, recorded_at, previous_id, idempotency_key, document,
  expires_at, memory_type, importance, metadata, tags, infer, status, reason, extraction, actor)
VALUES ({next_number:episodes}, :id, :tenant, :scope_key, :project_id, :user_id, :agent_id, :run_id,
  :kind, :content, :content_hash, :occurred_at, :time_given, :recorded_at, :previous_id,
  :idempotency_key, :document, :expires_at, :memory_type, :importance, :metadata, :tags, :infer,
  :status, :reason, :extraction, :actor);

-- name: add_turn
INSERT INTO turns (id, episode_id, ordinal, tenant, speaker, role, text, occurred_at, source_id)
VALUES (:id, :episode_id, :ordinal, :tenant, :speaker, :role, :text, :occurred_at, :source_id);

-- name: set_pending
-- An undone episode is added again.
UPDATE episodes SET status = 'pending', reason = :reason WHERE id = :id;

-- name: set_done
UPDATE episodes SET status = 'done', reason = NULL WHERE id = ANY(:ids);

-- name: postpone
-- What another process has finished meanwhile stays so.
UPDATE episodes SET status = :status, reason = :reason WHERE id = :id AND status <> 'done';

-- name: statuses
-- Of these episodes, in one tenant or (no tenant) anywhere.
SELECT id, status FROM episodes
WHERE id = ANY(:ids) AND (:tenant IS NULL OR tenant = :tenant);

-- name: add_event
INSERT INTO events (seq, at, kind, id, action, tenant, episode_id, actor, reason, after)
VALUES (:seq, :at, :kind, :id, :action, :tenant, :episode_id, :actor, :reason, :after);

-- name: keep_extraction
-- Of an episode that was erased while it was extracted, nothing is kept.
INSERT INTO extractions (episode_id, extractor, version, raw, calls, tokens_in, tokens_out)
SELECT :episode_id, :extractor, :version, :raw, :calls, :tokens_in, :tokens_out
WHERE EXISTS (SELECT 1 FROM episodes WHERE id = :episode_id)
ON CONFLICT (episode_id) DO UPDATE SET extractor = excluded.extractor, version = excluded.version,
  raw = coalesce(excluded.raw, extractions.raw), calls = extractions.calls + excluded.calls,
  tokens_in = extractions.tokens_in + excluded.tokens_in,
  tokens_out = extractions.tokens_out + excluded.tokens_out;

-- name: extraction
SELECT extractor, version, raw, calls, tokens_in, tokens_out
FROM extractions WHERE episode_id = :episode_id;

-- name: put_entity
INSERT INTO entities (id, tenant, name, key, kind, body)
VALUES (:id, :tenant, :name, :key, :kind, :body)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key, kind = excluded.kind,
  body = excluded.body;

-- name: clear_aliases
DELETE FROM aliases WHERE entity_id = :id;

-- name: add_alias
INSERT INTO aliases (tenant, key, entity_id) VALUES (:tenant, :key, :id)
ON CONFLICT DO NOTHING;

-- name: add_mention
INSERT INTO mentions (turn_id, entity_id, episode_id)
VALUES (:turn_id, :entity_id, :episode_id)
ON CONFLICT DO NOTHING;

-- name: facts_now
-- The present versions of those of these facts that are believed.
SELECT id, version, tenant, body FROM facts
WHERE id = ANY(:ids) AND retired_at IS NULL;

-- name: add_fact
INSERT INTO facts (id, version, tenant, text_key, subject_id, type, object_id, recorded_at,
  retired_at, begins_at, ends_at, archived_at, modality, body)
VALUES (:id, :version, :tenant, :text_key, :subject_id, :type, :object_id, :recorded_at,
  :retired_at, :begins_at, :ends_at, :archived_at, :modality, :body);

-- name: replace_fact
-- The same version with another body: a source came or went, belief did not change.
UPDATE facts SET body = :body WHERE id = :id AND version = :version;

-- name: retire_fact
UPDATE facts SET retired_at = :retired_at, body = :body
WHERE id = :id AND retired_at IS NULL;

-- name: note_past_entities
INSERT INTO past_entities (entity_id, fact_id)
SELECT entity_id, fact_id FROM fact_entities WHERE fact_id = :id
ON CONFLICT DO NOTHING;

-- name: note_past_sources
INSERT INTO past_sources (fact_id, episode_id, turn_id, agent_id, run_id)
SELECT fact_id, episode_id, turn_id, agent_id, run_id FROM sources WHERE fact_id = :id
ON CONFLICT DO NOTHING;

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
-- Episodes of a tenant, narrowed by agent, run and status, oldest first.
SELECT episodes.*,
  (SELECT u.name FROM users AS u WHERE u.pseudonym = episodes.user_id) AS user_name
FROM episodes
WHERE tenant = :tenant
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id)
  AND (:status IS NULL OR status = :status)
ORDER BY n LIMIT :limit;

-- name: episodes_unfinished
-- As above, by way of the few that are not done.
SELECT episodes.*,
  (SELECT u.name FROM users AS u WHERE u.pseudonym = episodes.user_id) AS user_name
FROM episodes
WHERE status <> 'done' AND status = :status AND tenant = :tenant
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id)
ORDER BY n LIMIT :limit;

-- name: episodes_by_id
SELECT episodes.*,
  (SELECT u.name FROM users AS u WHERE u.pseudonym = episodes.user_id) AS user_name
FROM episodes WHERE id = ANY(:ids) AND (:tenant IS NULL OR tenant = :tenant) ORDER BY n;

-- name: turns_of_episodes
SELECT turns.*, EXISTS (
  SELECT 1 FROM silences AS q WHERE q.turn_id = turns.id AND q.until IS NULL) AS silenced
FROM turns WHERE episode_id IN (
  SELECT e.id FROM episodes AS e
  WHERE e.id = ANY(:ids) AND (:tenant IS NULL OR e.tenant = :tenant))
ORDER BY episode_id, ordinal;

-- name: turns_around
-- Turns by id with their neighbours in the same episode.
SELECT DISTINCT near.*, EXISTS (
  SELECT 1 FROM silences AS q WHERE q.turn_id = near.id AND q.until IS NULL) AS silenced
FROM turns AS hit CROSS JOIN turns AS near
WHERE hit.id = ANY(:ids) AND hit.tenant = :tenant AND near.episode_id = hit.episode_id
  AND near.ordinal BETWEEN hit.ordinal - :around AND hit.ordinal + :around
ORDER BY near.episode_id, near.ordinal;

-- name: entities_of_turns
-- The entities that turns name, each as the one that it stands for now, as JSON.
SELECT m.turn_id, {json_list:coalesce(e.merged_into, e.id)} AS ids
FROM mentions AS m CROSS JOIN entities AS e
WHERE m.turn_id = ANY(:ids) AND e.id = m.entity_id AND {no_index}e.tenant = :tenant
GROUP BY m.turn_id;

-- name: turns_of_entities
-- For each entity, and each that it stands for, the newest turns that name it, as JSON.
WITH wanted (id, entity_id) AS (
  SELECT id, id FROM entities WHERE id = ANY(:ids) AND {no_index}tenant = :tenant
  UNION ALL
  SELECT id, merged_into FROM entities
  WHERE merged_into = ANY(:ids) AND {no_index}tenant = :tenant)
SELECT entity_id, (SELECT {json_list:turn_id} FROM (
  SELECT m.turn_id FROM mentions AS m JOIN episodes AS e ON e.id = m.episode_id
  WHERE m.entity_id = wanted.id
    AND (:agent_id IS NULL OR e.agent_id = :agent_id) AND (:run_id IS NULL OR e.run_id = :run_id)
    AND (:current IS NULL OR e.expires_at IS NULL OR e.expires_at > :current)
    AND NOT EXISTS (
      SELECT 1 FROM silences AS q WHERE q.turn_id = m.turn_id AND q.until IS NULL)
  ORDER BY m.episode_id DESC LIMIT :most) AS newest) AS ids FROM wanted;

-- name: silenced_at
-- Which of these turns were silenced at a moment, or (no moment) are now.
SELECT DISTINCT turn_id AS id FROM silences
WHERE turn_id = ANY(:ids) AND (
  (:known_at IS NULL AND until IS NULL)
  OR (at <= :known_at AND (until IS NULL OR until > :known_at)));

-- name: add_silence
INSERT INTO silences (turn_id, edit_id, tenant, at)
SELECT :turn_id, :edit_id, :tenant, :at WHERE EXISTS (SELECT 1 FROM turns WHERE id = :turn_id)
ON CONFLICT DO NOTHING;

-- name: end_silences
UPDATE silences SET until = :at WHERE edit_id = :edit_id AND until IS NULL;

-- name: silenced_episodes
-- The episodes whose turns an edit silences or silenced, but for those that were undone, each with
-- all that it mentions.
SELECT DISTINCT e.id, coalesce(n.merged_into, n.id) AS entity_id
FROM silences AS q JOIN turns AS t ON t.id = q.turn_id
JOIN episodes AS e ON e.id = t.episode_id
LEFT JOIN mentions AS m ON m.episode_id = e.id LEFT JOIN entities AS n ON n.id = m.entity_id
WHERE q.edit_id = :edit_id AND e.status <> 'undone' ORDER BY 1, 2;

-- name: erase_silences_in
-- Of the turns of these episodes.
DELETE FROM silences WHERE turn_id IN (SELECT id FROM turns WHERE episode_id = ANY(:ids));

-- name: erase_silences_by
-- Of these edits.
DELETE FROM silences WHERE edit_id = ANY(:ids);

-- name: erase_silences_over
-- Of the edits of these facts.
DELETE FROM silences WHERE edit_id IN (SELECT id FROM edits WHERE fact_id = ANY(:ids));

-- name: clear_silences
DELETE FROM silences WHERE tenant = :tenant;

-- name: facts_of_entities
-- For each entity the newest facts about it, as JSON.
SELECT wanted.id AS entity_id, (SELECT {json_list:fact_id} FROM (
  SELECT fact_id FROM fact_entities WHERE entity_id = wanted.id
  ORDER BY fact_id DESC LIMIT :most) AS newest) AS ids FROM entities AS wanted
WHERE wanted.id = ANY(:ids) AND {no_index}wanted.tenant = :tenant;

-- name: add_statement
INSERT INTO statements (id, tenant, episode_id, subject_id, type, object_id, text_key, undone, body)
VALUES (:id, :tenant, :episode_id, :subject_id, :type, :object_id, :text_key, false, :body)
ON CONFLICT (id) DO UPDATE SET subject_id = excluded.subject_id, type = excluded.type,
  object_id = excluded.object_id, text_key = excluded.text_key, undone = excluded.undone,
  body = excluded.body;

-- name: drop_statements_of
-- What an episode said when it was last read, before what it says now.
DELETE FROM statements WHERE episode_id = :id;

-- name: add_use
INSERT INTO fact_uses (fact_id, tenant, count, last_at)
SELECT id, tenant, :count, :last_at FROM facts WHERE id = :fact_id AND retired_at IS NULL
ON CONFLICT (fact_id) DO UPDATE SET count = fact_uses.count + excluded.count,
  last_at = excluded.last_at;

-- name: uses_of_facts
SELECT fact_id, count, last_at FROM fact_uses WHERE fact_id = ANY(:ids);

-- name: erase_uses
DELETE FROM fact_uses WHERE fact_id = ANY(:ids);

-- name: put_summary
INSERT INTO summaries (tenant, id, run_id, title, made_by, made_of, body)
VALUES (:tenant, :id, :run_id, :title, :made_by, :made_of, :body)
ON CONFLICT (tenant, id) DO UPDATE SET run_id = excluded.run_id, title = excluded.title,
  made_by = excluded.made_by, made_of = excluded.made_of, body = excluded.body;

-- name: summaries
SELECT id, run_id, title, made_by, made_of, body FROM summaries
WHERE tenant = :tenant AND id = ANY(:ids);

-- name: episodes_summing_up
-- The episodes of a tenant that sum up facts, undone ones too: by an index of theirs alone.
SELECT id FROM episodes
WHERE tenant = :tenant AND idempotency_key >= 'consolidates ' AND idempotency_key < 'consolidates!'
ORDER BY id;

-- name: made_of_in
-- What the summaries of a tenant were made of.
SELECT id, made_of FROM summaries WHERE tenant = :tenant;

-- name: erase_summaries
DELETE FROM summaries WHERE tenant = :tenant AND id = ANY(:ids);

-- name: clear_summaries
DELETE FROM summaries WHERE tenant = :tenant;

-- name: sources_left
-- Of these, the facts that are believed, each with its version, and the episodes that count.
SELECT id, version FROM facts WHERE id = ANY(:ids) AND retired_at IS NULL
UNION ALL SELECT id, 0 FROM episodes WHERE id = ANY(:ids) AND status <> 'undone' AND NOT EXISTS (
  SELECT 1 FROM turns AS t JOIN silences AS q ON q.turn_id = t.id
  WHERE t.episode_id = episodes.id AND q.until IS NULL);

-- name: facts_superseding
-- Facts that follow one of these, by way of what both are about.
SELECT DISTINCT f.id, f.body FROM fact_entities AS a
CROSS JOIN fact_entities AS b CROSS JOIN facts AS f
WHERE a.fact_id = :id AND b.entity_id = a.entity_id AND f.id = b.fact_id
  AND f.retired_at IS NULL AND f.archived_at IS NULL AND {text_at:f|supersedes_id} = :id
ORDER BY f.id;

-- name: add_support
INSERT INTO supports (statement_id, fact_id) VALUES (:statement_id, :fact_id)
ON CONFLICT DO NOTHING;

-- name: statements_by_subject
-- Of each of these (type and subject, as JSON). "CROSS JOIN" keeps this order: the other way round
-- the whole tenant would be read.
SELECT s.* FROM {each:wanted} AS a CROSS JOIN statements AS s
WHERE s.tenant = :tenant AND s.subject_id = {item:a.value|1} AND s.type = {item:a.value|0}
  AND NOT s.undone;

-- name: statements_by_triple
-- Of each of these (type, subject and object), and of their types and subjects (pairs) those about
-- no object, which speak of every object.
SELECT s.* FROM {each:wanted} AS a CROSS JOIN statements AS s
WHERE s.tenant = :tenant AND s.subject_id = {item:a.value|1} AND s.type = {item:a.value|0}
  AND {prefix:s.object_id} = {prefix:{item:a.value|2}} AND s.object_id = {item:a.value|2}
  AND NOT s.undone
UNION ALL
SELECT s.* FROM {each:pairs} AS a CROSS JOIN statements AS s
WHERE s.tenant = :tenant AND s.subject_id = {item:a.value|1} AND s.type = {item:a.value|0}
  AND {prefix:s.object_id} IS NULL AND NOT s.undone;

-- name: statements_by_object
-- Of each of these (type and object).
SELECT s.* FROM {each:wanted} AS a CROSS JOIN statements AS s
WHERE s.tenant = :tenant AND {prefix:s.object_id} = {prefix:{item:a.value|1}}
  AND s.object_id = {item:a.value|1} AND s.type = {item:a.value|0} AND NOT s.undone;

-- name: statements_by_text
-- Of these sentences, and those that a fact worded so rests on.
SELECT s.* FROM statements AS s
WHERE s.tenant = :tenant AND {in_hashed:s.text_key|keys} AND NOT s.undone
UNION
SELECT s.* FROM facts AS f JOIN supports AS p ON p.fact_id = f.id
JOIN statements AS s ON s.id = p.statement_id
WHERE f.retired_at IS NULL AND f.tenant = :tenant AND {in_hashed:f.text_key|keys}
  AND f.type IS NULL AND NOT s.undone;

-- name: known_sentences
-- Which of these sentences (tenant and key, as JSON) a statement or a present fact of their tenant
-- says.
SELECT w.tenant, w.key FROM (
  SELECT {item:a.value|0} AS tenant, {item:a.value|1} AS key FROM {each:wanted} AS a) AS w
WHERE EXISTS (
    SELECT 1 FROM statements AS s
    WHERE s.tenant = w.tenant AND {hash:s.text_key} = {hash:w.key} AND s.text_key = w.key)
  OR EXISTS (
    SELECT 1 FROM facts AS f
    WHERE f.retired_at IS NULL AND f.tenant = w.tenant
      AND {hash:f.text_key} = {hash:w.key} AND f.text_key = w.key);

-- name: statements_of_episodes
SELECT s.* FROM statements AS s
WHERE s.episode_id = ANY(:ids) AND {no_index}s.tenant = :tenant
  AND (CAST(:undone_too AS boolean) OR NOT s.undone);

-- name: statements_of_scope
SELECT s.* FROM episodes AS e JOIN statements AS s ON s.episode_id = e.id
WHERE e.tenant = :tenant AND NOT s.undone
  AND (:agent_id IS NULL OR e.agent_id = :agent_id)
  AND (:run_id IS NULL OR e.run_id = :run_id);

-- name: statements_by_id
SELECT s.* FROM statements AS s
WHERE s.id = ANY(:ids) AND {no_index}s.tenant = :tenant AND NOT s.undone;

-- name: statements_of_facts
SELECT s.* FROM statements AS s
WHERE s.id IN (SELECT statement_id FROM supports WHERE fact_id = ANY(:ids))
  AND {no_index}s.tenant = :tenant AND NOT s.undone;

-- name: statements_of_entities
-- Said of these entities, or under a present fact about them.
SELECT s.* FROM statements AS s
WHERE s.tenant = :tenant AND s.subject_id = ANY(:ids) AND NOT s.undone
UNION
SELECT s.* FROM statements AS s
WHERE s.tenant = :tenant AND {prefix:s.object_id} = ANY(:ids) AND s.object_id = ANY(:ids)
  AND NOT s.undone
UNION
SELECT s.* FROM fact_entities AS about JOIN supports AS p ON p.fact_id = about.fact_id
JOIN statements AS s ON s.id = p.statement_id
WHERE about.entity_id = ANY(:ids) AND {no_index}s.tenant = :tenant AND NOT s.undone;

-- name: facts_made_of
-- The last version of each fact that rests, or has rested, on these statements.
SELECT f.body, f.retired_at FROM facts AS f
WHERE f.id IN (SELECT fact_id FROM supports WHERE statement_id = ANY(:ids))
  AND f.version = (SELECT max(v.version) FROM facts AS v WHERE v.id = f.id);

-- name: edits_over
SELECT e.body FROM edits AS e
WHERE e.fact_id IN (SELECT fact_id FROM supports WHERE statement_id = ANY(:ids))
  AND NOT e.undone;

-- name: merged_of
-- Of these entities, those that stand for another, and those that stand for one of these.
SELECT id, merged_into FROM entities WHERE id = ANY(:ids) AND merged_into IS NOT NULL
UNION
SELECT id, merged_into FROM entities WHERE merged_into = ANY(:ids);

-- name: undo_statements
-- An episode's statements and its mentions count no more.
UPDATE statements SET undone = true WHERE episode_id = :id;

-- name: set_episode_undone
UPDATE episodes SET status = 'undone', reason = NULL WHERE id = :id;

-- name: clear_mentions
DELETE FROM mentions WHERE episode_id = :id;

-- name: episode_after
-- The one that follows an episode in its scope.
SELECT next.id FROM episodes AS next JOIN episodes AS e
  ON {hash:e.scope_key} = {hash:next.scope_key} AND e.scope_key = next.scope_key AND next.n > e.n
WHERE e.id = :id AND next.previous_id = :id AND next.status <> 'undone' ORDER BY next.n LIMIT 1;

-- name: turns_of_episode
SELECT id FROM turns WHERE episode_id = :id;

-- name: add_edit
INSERT INTO edits (id, tenant, fact_id, at, undone, body)
VALUES (:id, :tenant, :fact_id, :at, false, :body);

-- name: undo_edit
UPDATE edits SET undone = true WHERE id = :id;

-- name: add_merge
INSERT INTO merges (id, tenant, kept_id, gone_id, at, undone, body)
VALUES (:id, :tenant, :kept_id, :gone_id, :at, false, :body);

-- name: undo_merge
UPDATE merges SET undone = true WHERE id = :id;

-- name: merges_of
-- The merges that an entity was kept or gone in, and that still count.
SELECT m.id, m.kept_id, m.gone_id, m.at, m.body, e.body AS gone
FROM merges AS m JOIN entities AS e ON e.id = m.gone_id
WHERE {no_index}m.tenant = :tenant AND NOT m.undone AND (m.kept_id = :id OR m.gone_id = :id)
ORDER BY m.at, m.id;

-- name: merge_by_id
SELECT id, tenant, kept_id, gone_id, at, body FROM merges WHERE id = :id AND NOT undone;

-- name: merged_away
-- Entities that this one now stands for.
SELECT id FROM entities WHERE merged_into = :id;

-- name: set_merged_into
UPDATE entities SET merged_into = :into, gone_at = :gone_at WHERE id = :id;

-- name: hide_entity
UPDATE entities SET gone_at = :gone_at WHERE id = :id;

-- name: entity_body
SELECT body FROM entities WHERE id = :id;

-- name: mentions_of
-- Episodes that mention one of these entities, each with all that it mentions.
SELECT m.episode_id, coalesce(e.merged_into, e.id) AS entity_id
FROM mentions AS m JOIN entities AS e ON e.id = m.entity_id
WHERE m.episode_id IN (SELECT episode_id FROM mentions WHERE entity_id = ANY(:ids))
GROUP BY m.episode_id, coalesce(e.merged_into, e.id) ORDER BY 1, 2;

-- name: event_by_seq
SELECT * FROM events WHERE seq = :seq AND tenant = :tenant AND kind IN ('fact', 'entity');

-- name: event_before
SELECT after FROM events
WHERE id = :id AND seq < :seq AND {no_index}tenant = :tenant ORDER BY seq DESC LIMIT 1;

-- name: edits_at
SELECT body FROM edits WHERE tenant = :tenant AND at = :at AND NOT undone;

-- name: merges_at
SELECT m.id, m.kept_id, m.gone_id, m.at, m.body, e.body AS gone
FROM merges AS m JOIN entities AS e ON e.id = m.gone_id
WHERE m.tenant = :tenant AND m.at = :at AND NOT m.undone;

-- name: existing_by_recorded
-- Of these episodes, those that had arrived by then.
SELECT id FROM episodes WHERE id = ANY(:ids) AND recorded_at <= :known_at;

-- name: entity_states_by_episodes
-- What these episodes made of entities: each state that they left, with the one before it.
SELECT e.id, e.after, (
  SELECT b.after FROM events AS b
  WHERE b.id = e.id AND b.kind = 'entity' AND b.seq < e.seq ORDER BY b.seq DESC LIMIT 1) AS before
FROM events AS e
WHERE e.episode_id = ANY(:ids) AND e.kind = 'entity' AND e.after IS NOT NULL ORDER BY e.seq DESC;

-- name: entities_now
SELECT id, body, gone_at FROM entities WHERE id = ANY(:ids);

-- name: entity_events
SELECT seq, after FROM events WHERE id = :id AND kind = 'entity' AND after IS NOT NULL;

-- name: replace_event
UPDATE events SET after = :after, reason = '' WHERE seq = :seq;

-- name: merges_bodies
SELECT id, body FROM merges WHERE kept_id = :id;

-- name: replace_merge
UPDATE merges SET body = :body WHERE id = :id;

-- name: merged_group
-- These entities, with all that are one with one of them.
WITH first AS (SELECT coalesce(merged_into, id) AS id FROM entities WHERE id = ANY(:ids))
SELECT id FROM first UNION SELECT e.id FROM first JOIN entities AS e ON e.merged_into = first.id;

-- name: merges_from
-- What became of these entities in merges, undone ones too.
SELECT id, kept_id, gone_id, undone, body FROM merges WHERE gone_id = ANY(:ids) ORDER BY at, id;

-- name: merges_into
-- The merges that still count and made these entities stand for others.
SELECT kept_id, gone_id FROM merges WHERE NOT undone AND kept_id = ANY(:ids);

-- name: entities_with_events
-- Of these entities, those that an episode brought, or told more of, that is still here.
SELECT DISTINCT v.id FROM events AS v JOIN episodes AS e ON e.id = v.episode_id
WHERE v.id = ANY(:ids) AND v.kind = 'entity';

-- name: statements_like
-- Others with the key of one of these sentences.
SELECT DISTINCT s.id, s.body FROM statements AS gone
JOIN statements AS s ON s.tenant = gone.tenant
  AND {hash:s.text_key} = {hash:gone.text_key} AND s.text_key = gone.text_key
WHERE gone.id = ANY(:ids) AND NOT s.id = ANY(:ids);

-- name: statements_of_value
-- Others that give a subject the same attribute value as one of these.
SELECT DISTINCT s.id, s.body FROM statements AS gone
JOIN statements AS s ON s.tenant = gone.tenant AND s.subject_id = gone.subject_id
  AND s.type = gone.type
  AND {prefix:s.object_id} = {prefix:gone.object_id} AND s.object_id = gone.object_id
WHERE gone.id = ANY(:ids) AND NOT s.id = ANY(:ids)
  AND substr(gone.object_id, 1, 1) = '=';

-- name: replace_statement
UPDATE statements SET object_id = :object_id, text_key = :text_key, body = :body WHERE id = :id;

-- name: erase_statements
DELETE FROM statements WHERE id = ANY(:ids);

-- name: erase_supports
DELETE FROM supports WHERE statement_id = ANY(:ids) OR fact_id = ANY(:facts);

-- name: erase_edits_of
-- Edits of these facts, or of what rests on nothing any more.
DELETE FROM edits WHERE fact_id = ANY(:ids);

-- name: edits_of_statements
SELECT e.id, e.body FROM edits AS e
WHERE e.fact_id IN (SELECT fact_id FROM supports WHERE statement_id = ANY(:ids));

-- name: replace_edit
UPDATE edits SET body = :body WHERE id = :id;

-- name: erase_edits
DELETE FROM edits WHERE id = ANY(:ids);

-- name: erase_merges
DELETE FROM merges WHERE kept_id = ANY(:ids) OR gone_id = ANY(:ids);

-- name: erase_past_entities
DELETE FROM past_entities WHERE fact_id = ANY(:ids);

-- name: erase_past_sources
DELETE FROM past_sources WHERE fact_id = ANY(:facts) OR episode_id = ANY(:episodes);

-- name: facts_resting_on
SELECT DISTINCT fact_id AS id FROM supports WHERE statement_id = ANY(:ids);

-- name: versions_of
SELECT id, version, retired_at, body FROM facts WHERE id = ANY(:ids);

-- name: erase_version
DELETE FROM facts WHERE id = :id AND version = :version;

-- name: events_of
SELECT seq, id, after FROM events WHERE id = ANY(:ids) AND kind = 'fact' AND after IS NOT NULL;

-- name: facts_of_tenant
-- This and the following come twice: as they are, of what is believed, and with `_then`, of
-- versions that are believed no more but were at some time. Those of relations (facts_related)
-- also with `_earliest`: by when they began, else (only that is known) ended.
SELECT body FROM facts AS f
WHERE {believed} AND tenant = :tenant AND (:after IS NULL OR id {past} :after) {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_counted
-- How many facts of a tenant pass; the order is for the filters' sake.
SELECT count(*) AS number FROM facts AS f
WHERE {believed} AND tenant = :tenant {filters} /*{order}{past}*/;

-- name: facts_archived
SELECT body FROM facts AS f
WHERE {believed} AND tenant = :tenant AND archived_at IS NOT NULL {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_id
SELECT body FROM facts AS f
WHERE {believed} AND tenant = :tenant AND id = ANY(:ids) {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_by_text
SELECT body FROM facts AS f {indexed_by:facts{then}_by_text}
WHERE {believed} AND tenant = :tenant AND {hash:text_key} = {hash::text_key}
  AND text_key = :text_key {filters}
ORDER BY id {order} LIMIT :limit;

-- name: facts_related
-- Relations, by each way of giving subject, type and object that queries.py has. The index is named:
-- left alone, SQLite walks the whole tenant to save itself the sorting.
SELECT body FROM facts AS f {indexed_by:facts{then}_by_{index}}
WHERE {believed} AND f.type IS NOT NULL AND tenant = :tenant{given} {filters}
ORDER BY {begun}id {order} LIMIT :limit;

-- name: facts_about
-- Facts about one entity: the cost is that of the rows returned, however many it has.
SELECT body FROM {about} AS about CROSS JOIN facts AS f
WHERE f.id = about.fact_id AND {believed} AND f.tenant = :tenant
  AND about.entity_id = :entity_id AND (:after IS NULL OR about.fact_id {past} :after) {filters}
ORDER BY about.fact_id {order} LIMIT :limit;

-- name: facts_from_episode
SELECT body FROM facts AS f
WHERE {believed} AND tenant = :tenant
  AND id IN (SELECT fact_id FROM {sources} WHERE episode_id = :episode_id) {filters}
ORDER BY id {order} LIMIT :limit;

-- name: fact_filters
-- Appended to each of the above.
AND (:current IS NULL OR f.ends_at IS NULL OR f.ends_at > :current
  OR (CAST(:archived AS boolean) AND f.archived_at IS NOT NULL
    AND coalesce({text_at:f|invalid_at}, '~') > :current
    AND coalesce({text_at:f|expires_at}, '~') > :current))
AND (NOT CAST(:relations_only AS boolean) OR f.type IS NOT NULL)
AND (NOT CAST(:stated_only AS boolean) OR f.modality = 'stated')
AND (:at IS NULL
  OR ((f.begins_at IS NULL OR f.begins_at <= :at) AND (f.ends_at IS NULL OR f.ends_at > :at)))
AND (:known_at IS NULL OR f.recorded_at <= :known_at)
AND ((:agent_id IS NULL AND :run_id IS NULL) OR EXISTS (
  SELECT 1 FROM {sources} AS s WHERE s.fact_id = f.id
    AND (:agent_id IS NULL OR s.agent_id = :agent_id)
    AND (:run_id IS NULL OR s.run_id = :run_id)))
AND (:after IS NULL OR f.id {past} :after)
/*where*/;

-- name: entities_by_id
-- The marks keep SQLite from walking the whole tenant by name to save itself the sorting.
SELECT body FROM entities AS e
WHERE id = ANY(:ids) AND {no_index}tenant = :tenant AND e.gone_at IS NULL
ORDER BY {no_index}name, {no_index}id LIMIT :limit;

-- name: entities_by_key
SELECT body FROM entities AS e WHERE id IN (
  SELECT a.entity_id FROM aliases AS a WHERE a.tenant = :tenant AND {in_hashed:a.key|keys})
  AND e.gone_at IS NULL
ORDER BY {no_index}name, {no_index}id LIMIT :limit;

-- name: entities_of_tenant [sqlite]
SELECT body FROM entities AS e
WHERE tenant = :tenant AND (name, id) > (:after_name, :after_id)
  AND (:kind IS NULL OR kind = :kind)
  AND (:contains IS NULL OR instr(key, :contains) > 0)
  AND e.gone_at IS NULL
  /*where*/
ORDER BY name, id LIMIT :limit;

-- name: entities_of_tenant [postgres]
SELECT body FROM entities AS e
WHERE tenant = :tenant AND left(name, 100) >= left(:after_name, 100)
  AND (name, id) > (:after_name, :after_id)
  AND (:kind IS NULL OR kind = :kind)
  AND (:contains IS NULL OR strpos(key, :contains) > 0)
  AND e.gone_at IS NULL
  /*where*/
ORDER BY left(name, 100), name, id LIMIT :limit;

-- name: history
-- Whose a fact is, its last event says: those of another's are not walked through.
SELECT events.* FROM (
  SELECT e.tenant FROM events AS e WHERE e.id = :id AND e.kind = 'fact' ORDER BY e.seq DESC LIMIT 1
) AS last CROSS JOIN events
WHERE last.tenant = :tenant AND events.id = :id AND events.kind = 'fact'
  AND {no_index}events.tenant = :tenant
ORDER BY events.seq;

-- name: last_change
-- The last event that changed what is believed in a tenant (a journalled episode does not), and the
-- last that changed how it is decided: the rule of a relation type, in no tenant or in its own.
SELECT
  coalesce((
    SELECT max(seq) FROM events WHERE tenant = :tenant AND (kind <> 'episode' OR action <> 'ADD')
  ), 0) AS seq,
  coalesce((
    SELECT max(seq) FROM events WHERE tenant = '' AND kind = 'type'
  ), 0) AS types_seq,
  coalesce((
    SELECT max(seq) FROM events WHERE tenant = :tenant AND kind = 'type'
  ), 0) AS own_types_seq;

-- name: type_rules
-- Every rule that a relation type had, for everybody and in a tenant: the last one of each holds.
SELECT seq, id, tenant, after FROM events WHERE tenant IN ('', :tenant) AND kind = 'type'
ORDER BY seq;

-- name: ruling_tenants
SELECT DISTINCT tenant FROM events WHERE tenant <> '' AND kind = 'type' ORDER BY tenant;

-- name: type_uses
-- How often each type was said, and of how many.
SELECT type, count(*) AS statements, count(DISTINCT subject_id) AS subjects FROM statements
WHERE type IS NOT NULL AND NOT undone AND {whose:tenant}
  AND ((:agent_id IS NULL AND :run_id IS NULL) OR episode_id IN (
    SELECT id FROM episodes WHERE {whose:tenant}
      AND (:agent_id IS NULL OR agent_id = :agent_id) AND (:run_id IS NULL OR run_id = :run_id)
  ))
GROUP BY type ORDER BY type;

-- name: typed_subjects
-- Subjects of statements with these types, each once; in the order of the index.
SELECT DISTINCT tenant, subject_id, type FROM statements
WHERE subject_id IS NOT NULL AND type = ANY(:types)
  AND (tenant, subject_id, type) > (:after_tenant, :after_subject, :after_type)
  AND tenant <= :last_tenant
ORDER BY tenant, subject_id, type LIMIT :limit;

-- name: count_typed_subjects
SELECT count(*) AS count FROM (
  SELECT DISTINCT tenant, subject_id, type FROM statements
  WHERE subject_id IS NOT NULL AND type = ANY(:types)
    AND tenant BETWEEN :first_tenant AND :last_tenant
) AS found;

-- name: lock [postgres]
-- What every writing transaction takes first: one writes at a time, so that events become visible
-- in order and without gaps. Gives the version of the schema.
SELECT version FROM graphmem_ledger FOR UPDATE;

-- name: head
SELECT coalesce(max(seq), 0) AS head FROM events;

-- name: events
SELECT seq, at, kind, id, action, tenant, after FROM events
WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: spend_total
-- What was spent on a day, or (no day) ever: by everybody, for a tenant, by an actor.
SELECT calls, tokens_in + tokens_out AS tokens, micros FROM spend
WHERE day = :day AND model = '' AND tenant = :tenant;

-- name: spend
-- What was spent by day and model, of one tenant or of all.
SELECT day, model, coalesce(CAST(:tenant AS text), '') AS tenant,
  CAST(sum(calls) AS bigint) AS calls,
  CAST(sum(tokens_in) AS bigint) AS tokens_in, CAST(sum(tokens_out) AS bigint) AS tokens_out,
  CAST(sum(micros) AS bigint) AS micros
FROM spend WHERE model <> '' AND (:tenant IS NULL OR tenant = :tenant)
GROUP BY day, model ORDER BY day, model;

-- name: add_spend
INSERT INTO spend (day, model, tenant, calls, tokens_in, tokens_out, micros)
VALUES (:day, :model, :tenant, :calls, :tokens_in, :tokens_out, :micros)
ON CONFLICT (day, model, tenant) DO UPDATE SET calls = spend.calls + excluded.calls,
  tokens_in = spend.tokens_in + excluded.tokens_in,
  tokens_out = spend.tokens_out + excluded.tokens_out, micros = spend.micros + excluded.micros;

-- name: entities_then
-- What became of every entity of a tenant, up to a moment.
SELECT id, action, after FROM events
WHERE tenant = :tenant AND kind = 'entity' AND at <= :known_at ORDER BY seq;

-- name: entities_then_by_id
SELECT id, action, after FROM events
WHERE id = ANY(:ids) AND {no_index}tenant = :tenant AND kind = 'entity' AND at <= :known_at
ORDER BY seq;

-- name: events_of_tenant
-- The events of one tenant up to a moment.
SELECT seq, at, kind, id, action, tenant, after FROM events
WHERE tenant = :tenant AND seq > :after AND at <= :until ORDER BY seq LIMIT :limit;

-- name: stored_before
SELECT id FROM episodes
WHERE tenant = :tenant
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id)
  AND recorded_at < :before
ORDER BY n;

-- name: stored_until
-- What was recorded before a moment, in every tenant, in the order in which it came.
SELECT n, id, project_id, user_id, agent_id, recorded_at, memory_type, tags FROM episodes
WHERE n > :after AND recorded_at < :before ORDER BY n LIMIT :limit;

-- name: retention_rules
-- Every rule of how long to keep what that was ever set: the last one of each id holds.
SELECT id, tenant, after FROM events WHERE kind = 'retention' ORDER BY seq;

-- name: names_of_users
SELECT pseudonym, name FROM users WHERE pseudonym = ANY(:ids);

-- name: erased
-- One row if something of a tenant was erased after an event, or all of it.
SELECT 1 AS found
WHERE EXISTS (SELECT 1 FROM events WHERE tenant = :tenant AND seq > :after AND action = 'ERASE')
  OR :after > 0
  AND NOT EXISTS (SELECT 1 FROM events WHERE tenant = :tenant AND seq <= :after);

-- name: existing_episode
SELECT id FROM episodes WHERE id = ANY(:ids) AND status <> 'undone';

-- name: existing_entity
SELECT id FROM entities WHERE id = ANY(:ids) AND gone_at IS NULL;

-- name: existing_fact
SELECT id FROM facts WHERE retired_at IS NULL AND archived_at IS NULL AND id = ANY(:ids);

-- name: speakers
SELECT 'speaker' AS what, id, speaker AS value FROM turns
WHERE id = ANY(:ids) AND speaker IS NOT NULL;

-- name: episode_kinds
SELECT 'kind' AS what, id, kind AS value FROM episodes WHERE id = ANY(:ids);

-- name: turn_mentions
-- What the turns of these episodes mention: as written down, and what that stands for.
SELECT 'mention' AS what, m.turn_id AS id, e.id AS value,
  coalesce(e.merged_into, e.id) AS stands_for
FROM mentions AS m JOIN entities AS e ON e.id = m.entity_id
WHERE m.episode_id = ANY(:ids);

-- name: present_episode
SELECT id FROM episodes WHERE status <> 'undone';

-- name: present_turn
-- Turns of episodes stored as they are (no inference) are facts already.
SELECT t.id FROM turns AS t JOIN episodes AS e ON e.id = t.episode_id
WHERE e.infer AND e.status <> 'undone'
  AND NOT EXISTS (SELECT 1 FROM silences AS q WHERE q.turn_id = t.id AND q.until IS NULL);

-- name: present_session
-- Episodes whose turns are searched as one text.
SELECT id FROM episodes
WHERE infer AND status <> 'undone'
  AND EXISTS (SELECT 1 FROM turns AS t WHERE t.episode_id = episodes.id AND NOT EXISTS (
    SELECT 1 FROM silences AS q WHERE q.turn_id = t.id AND q.until IS NULL));

-- name: present_entity
SELECT id FROM entities WHERE gone_at IS NULL;

-- name: present_fact
SELECT id FROM facts WHERE retired_at IS NULL AND archived_at IS NULL;

-- name: present_mention
SELECT DISTINCT m.episode_id || ' ' || coalesce(e.merged_into, e.id) AS id FROM mentions AS m
JOIN entities AS e ON e.id = m.entity_id;

-- name: state_entity
SELECT id, tenant, body FROM entities WHERE id = ANY(:ids) AND gone_at IS NULL ORDER BY id;

-- name: state_fact
SELECT id, tenant, body FROM facts
WHERE id = ANY(:ids) AND retired_at IS NULL AND archived_at IS NULL ORDER BY id;

-- name: state_mention
SELECT DISTINCT m.episode_id AS id, e.tenant, coalesce(e.merged_into, e.id) AS body
FROM mentions AS m JOIN entities AS e ON e.id = m.entity_id
WHERE m.episode_id = ANY(:ids) ORDER BY 1, 3;

-- name: changed_facts
SELECT f.id FROM facts AS f WHERE f.retired_at IS NULL AND f.body <> coalesce((
  SELECT e.after FROM events AS e
  WHERE e.id = f.id AND e.kind = 'fact' AND e.after IS NOT NULL ORDER BY e.seq DESC LIMIT 1), '')
ORDER BY f.id;

-- name: lost_facts
SELECT e.id FROM events AS e
WHERE e.kind = 'fact' AND e.action NOT IN ('DELETE', 'ERASE') AND e.after IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM facts AS f WHERE f.id = e.id AND f.retired_at IS NULL)
  AND NOT EXISTS (
    SELECT 1 FROM events AS l WHERE l.id = e.id AND l.kind = 'fact' AND l.seq > e.seq)
ORDER BY e.id;

-- name: changed_entities
SELECT n.id FROM entities AS n WHERE n.gone_at IS NULL AND n.body <> coalesce((
  SELECT e.after FROM events AS e
  WHERE e.id = n.id AND e.kind = 'entity' AND e.after IS NOT NULL ORDER BY e.seq DESC LIMIT 1), '')
ORDER BY n.id;

-- name: lost_turns
SELECT t.episode_id AS id FROM turns AS t
GROUP BY t.episode_id HAVING count(*) <> max(t.ordinal) - min(t.ordinal) + 1 ORDER BY 1;

-- name: stray_turns
SELECT t.id FROM turns AS t
WHERE NOT EXISTS (SELECT 1 FROM episodes AS e WHERE e.id = t.episode_id) ORDER BY t.id;

-- name: stray_mentions
SELECT m.turn_id AS id FROM mentions AS m
WHERE NOT EXISTS (SELECT 1 FROM turns AS t WHERE t.id = m.turn_id)
  OR NOT EXISTS (SELECT 1 FROM entities AS n WHERE n.id = m.entity_id) ORDER BY 1;

-- name: stray_sources
SELECT s.fact_id AS id FROM sources AS s
WHERE NOT EXISTS (SELECT 1 FROM facts AS f WHERE f.id = s.fact_id AND f.retired_at IS NULL)
ORDER BY 1;

-- name: count_rows
SELECT (SELECT count(*) FROM episodes) AS episodes, (SELECT count(*) FROM events) AS events,
  (SELECT count(*) FROM facts WHERE retired_at IS NULL) AS facts;

-- name: cached
SELECT digest, vector FROM embeddings
WHERE model = :model AND digest = ANY(:digests);

-- name: cache
INSERT INTO embeddings (model, digest, vector) VALUES (:model, :digest, :vector)
ON CONFLICT DO NOTHING;

-- name: pending_reason
-- Why the newest episode that was tried is pending, of the whole store. SQLite takes the index of
-- what is unfinished only where its own condition stands here too.
SELECT reason FROM episodes
WHERE status = 'pending' AND status <> 'done' AND reason IS NOT NULL AND reason <> :resubmitted
ORDER BY n DESC LIMIT 1;

-- name: stats
-- Counts of the whole store or, with `_of_tenants` to its name, as the others that ask whose it is,
-- of the tenants from one to another: of a project, or of one, narrowed by agent and run.
WITH mine AS (
  SELECT id, status FROM episodes
  WHERE status <> 'undone' AND {whose:tenant}
    AND (:agent_id IS NULL OR agent_id = :agent_id)
    AND (:run_id IS NULL OR run_id = :run_id)
), believed AS (
  SELECT f.id, f.type, f.modality FROM facts AS f
  WHERE f.retired_at IS NULL AND {whose:f.tenant}
    AND ((:agent_id IS NULL AND :run_id IS NULL) OR EXISTS (
      SELECT 1 FROM sources AS s WHERE s.fact_id = f.id
        AND (:agent_id IS NULL OR s.agent_id = :agent_id)
        AND (:run_id IS NULL OR s.run_id = :run_id)))
)
SELECT
  (SELECT count(*) FROM mine) AS episodes,
  (SELECT count(*) FROM mine WHERE status = 'pending') AS pending,
  (SELECT count(*) FROM turns WHERE episode_id IN (SELECT id FROM mine)) AS turns,
  (SELECT count(*) FROM believed) AS facts,
  (SELECT count(*) FROM believed WHERE type IS NOT NULL AND modality = 'stated') AS relations,
  (CASE WHEN :agent_id IS NULL AND :run_id IS NULL
    THEN (SELECT count(*) FROM entities
      WHERE gone_at IS NULL AND {whose:tenant})
    ELSE (SELECT count(*) FROM (
      SELECT coalesce(e.merged_into, e.id) FROM mentions AS m
        JOIN entities AS e ON e.id = m.entity_id
        WHERE m.episode_id IN (SELECT id FROM mine)
      UNION SELECT entity_id FROM fact_entities WHERE fact_id IN (SELECT id FROM believed)))
  END) AS entities,
  (SELECT CAST(coalesce(sum(calls), 0) AS bigint) FROM extractions
    WHERE episode_id IN (SELECT id FROM mine)) AS model_calls,
  (SELECT CAST(coalesce(sum(tokens_in), 0) AS bigint) FROM extractions
    WHERE episode_id IN (SELECT id FROM mine)) AS tokens_in,
  (SELECT CAST(coalesce(sum(tokens_out), 0) AS bigint) FROM extractions
    WHERE episode_id IN (SELECT id FROM mine)) AS tokens_out;

-- name: count_owners
-- Projects, users or agents, by the column that names them; only of users the name is another text.
SELECT g.*, CASE WHEN '{owner}' = 'user_id' THEN
  (SELECT u.name FROM users AS u WHERE u.pseudonym = g.id) END AS name FROM (
  SELECT e.{owner} AS id, count(DISTINCT e.id) AS episodes, count(DISTINCT s.fact_id) AS facts,
    min(e.occurred_at) AS first_at, max(e.occurred_at) AS last_at, count(*) OVER () AS total
  FROM episodes AS e LEFT JOIN sources AS s ON s.episode_id = e.id
  WHERE e.tenant BETWEEN :first_tenant AND :last_tenant AND e.{owner} IS NOT NULL
    AND e.status <> 'undone'
    AND (:agent_id IS NULL OR e.agent_id = :agent_id) AND (:run_id IS NULL OR e.run_id = :run_id)
  GROUP BY e.{owner} ORDER BY last_at DESC, e.{owner} LIMIT :limit OFFSET :offset) AS g
ORDER BY g.last_at DESC, g.id;

-- name: count_runs
-- Conversations, with what they were called and where they begin.
SELECT g.*, (SELECT u.name FROM users AS u WHERE u.pseudonym = g.user_id) AS name,
  c.title, c.closed_at, c.metadata, m.title AS made_title, m.made_by, m.made_of, (
    SELECT count(*) FROM turns AS t JOIN episodes AS x ON x.id = t.episode_id
    WHERE x.tenant = g.tenant AND x.run_id = g.id AND x.status <> 'undone'
      AND (:agent_id IS NULL OR x.agent_id = :agent_id)) AS turns, (
    SELECT substr(t.text, 1, 200) FROM episodes AS x JOIN turns AS t ON t.episode_id = x.id
    WHERE x.tenant = g.tenant AND x.run_id = g.id AND x.status <> 'undone'
      AND (:agent_id IS NULL OR x.agent_id = :agent_id) AND NOT EXISTS (
      SELECT 1 FROM silences AS q WHERE q.turn_id = t.id AND q.until IS NULL)
    ORDER BY CASE WHEN length(t.text) < 12 THEN 1 ELSE 0 END, x.n, t.ordinal LIMIT 1) AS beginning
FROM (
  SELECT e.run_id AS id, e.tenant, e.user_id, count(DISTINCT e.id) AS episodes,
    count(DISTINCT s.fact_id) AS facts,
    min(e.occurred_at) AS first_at, max(e.occurred_at) AS last_at, count(*) OVER () AS total
  FROM episodes AS e LEFT JOIN sources AS s ON s.episode_id = e.id
  WHERE e.tenant BETWEEN :first_tenant AND :last_tenant AND e.run_id IS NOT NULL
    AND e.status <> 'undone'
    AND (:agent_id IS NULL OR e.agent_id = :agent_id) AND (:run_id IS NULL OR e.run_id = :run_id)
  GROUP BY e.run_id, e.tenant, e.user_id
  ORDER BY last_at DESC, e.run_id LIMIT :limit OFFSET :offset) AS g
LEFT JOIN conversations AS c ON c.tenant = g.tenant AND c.run_id = g.id
LEFT JOIN summaries AS m ON m.tenant = g.tenant AND m.run_id = g.id AND :agent_id IS NULL
ORDER BY g.last_at DESC, g.id;

-- name: put_conversation
INSERT INTO conversations (tenant, run_id, title, closed_at, metadata)
VALUES (:tenant, :run_id, :title, :closed_at, :metadata)
ON CONFLICT (tenant, run_id) DO UPDATE SET title = excluded.title, closed_at = excluded.closed_at,
  metadata = excluded.metadata;

-- name: pending_episodes
-- Of everybody, by way of the few that are not done.
SELECT n, id FROM episodes WHERE status = 'pending' AND status <> 'done' AND n > :after
  AND (:before IS NULL OR recorded_at < :before) ORDER BY n LIMIT :limit;

-- name: pending_state
-- How many are pending, and the oldest since when.
SELECT count(*) AS number, min(recorded_at) AS since FROM episodes
WHERE status = 'pending' AND status <> 'done';

-- name: tenants_of
SELECT DISTINCT tenant FROM episodes WHERE project_id = :project_id;

-- name: runs_of
SELECT DISTINCT run_id FROM episodes WHERE id = ANY(:ids) AND run_id IS NOT NULL;

-- name: erase_conversations
-- Of these runs, those in which nothing is told any more.
DELETE FROM conversations WHERE tenant = :tenant AND run_id = ANY(:runs) AND NOT EXISTS (
  SELECT 1 FROM episodes AS e WHERE e.tenant = :tenant AND e.run_id = conversations.run_id);

-- name: clear_conversations
DELETE FROM conversations WHERE tenant = :tenant;

-- name: erase_targets
-- Episodes of a scope: all that its agent and run narrow it to.
SELECT id FROM episodes
WHERE tenant = :tenant
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id);

-- name: erase_targets_by_id
-- Of these episodes, those of a scope. The mark keeps SQLite from walking the whole tenant.
SELECT id FROM episodes
WHERE id = ANY(:ids) AND {no_index}tenant = :tenant
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id);

-- name: erase_facts_of_tenant
-- Of these facts, the ones in this tenant, retired ones too.
SELECT DISTINCT id FROM facts
WHERE tenant = :tenant AND id = ANY(:ids);

-- name: bodies_of
-- Every version of these facts: their texts may have been embedded.
SELECT body FROM facts WHERE id = ANY(:facts);

-- name: erase_facts_from
-- Facts that these episodes support now, or once wrote, each with what is believed of it now.
SELECT touched.id, now.body FROM (
  SELECT fact_id AS id FROM sources WHERE episode_id = ANY(:episodes)
  UNION
  SELECT id FROM events
  WHERE kind = 'fact' AND episode_id = ANY(:episodes)
) AS touched
LEFT JOIN facts AS now ON now.id = touched.id AND now.retired_at IS NULL;

-- name: stated_elsewhere
-- Of these facts, those that a statement of another episode supports, or has supported.
SELECT DISTINCT p.fact_id AS id FROM supports AS p JOIN statements AS s ON s.id = p.statement_id
WHERE p.fact_id = ANY(:ids) AND NOT s.episode_id = ANY(:episodes);

-- name: erase_orphans
-- Entities of these that nothing mentions and no believed fact is about, whatever is one with them.
SELECT id, merged_into FROM entities
WHERE id = ANY(:ids)
  AND NOT EXISTS (SELECT 1 FROM mentions AS m WHERE m.entity_id = entities.id)
  AND NOT EXISTS (SELECT 1 FROM fact_entities AS fe WHERE fe.entity_id = entities.id);

-- name: entities_touched
-- Entities that these episodes mention, or have brought, or these facts are about.
SELECT entity_id AS id FROM mentions WHERE episode_id = ANY(:episodes)
UNION
SELECT id FROM events WHERE episode_id = ANY(:episodes) AND kind = 'entity'
UNION
SELECT entity_id FROM fact_entities WHERE fact_id = ANY(:facts);

-- name: erase_facts
DELETE FROM facts WHERE id = ANY(:ids);

-- name: erase_fact_entities
DELETE FROM fact_entities WHERE fact_id = ANY(:ids);

-- name: erase_sources
DELETE FROM sources WHERE fact_id = ANY(:ids);

-- name: erase_mentions
DELETE FROM mentions WHERE episode_id = ANY(:ids);

-- name: erase_extractions
DELETE FROM extractions WHERE episode_id = ANY(:ids);

-- name: erase_turns
DELETE FROM turns WHERE episode_id = ANY(:ids);

-- name: erase_episodes
DELETE FROM episodes WHERE id = ANY(:ids);

-- name: erase_aliases
DELETE FROM aliases WHERE entity_id = ANY(:ids);

-- name: erase_entities
DELETE FROM entities WHERE id = ANY(:ids);

-- name: erase_event_contents
-- What was erased leaves its history too: only that something was there stays.
UPDATE events SET after = NULL, reason = '', actor = '' WHERE id = ANY(:ids);

-- name: updates_by_episodes
-- Changes that these episodes made to facts.
SELECT e.id, e.seq, e.after FROM events AS e
WHERE e.kind = 'fact' AND e.action = 'UPDATE'
  AND e.episode_id = ANY(:episodes)
ORDER BY e.seq DESC;

-- name: state_before
SELECT after FROM events
WHERE id = :id AND kind = 'fact' AND seq < :seq AND after IS NOT NULL ORDER BY seq DESC LIMIT 1;

-- name: erase_embeddings [sqlite]
-- Cached vectors of erased texts.
DELETE FROM embeddings
WHERE model IN (SELECT DISTINCT model FROM embeddings)
  AND digest = ANY(:digests);

-- name: erase_embeddings [postgres]
-- Cached vectors of erased texts.
DELETE FROM embeddings WHERE digest = ANY(:digests);

-- name: rewrite_episode
UPDATE episodes SET content = :content, content_hash = :content_hash,
  idempotency_key = :idempotency_key WHERE id = :id;

-- name: rewrite_turn
UPDATE turns SET text = :text WHERE id = :id;

-- name: erase_answers
-- What a model said of these episodes, but not what it cost.
UPDATE extractions SET raw = NULL WHERE episode_id = ANY(:ids);

-- name: erase_mention
-- Of an entity, and of all that it stands for.
DELETE FROM mentions WHERE turn_id = :turn_id AND entity_id IN (
  SELECT id FROM entities WHERE id = :entity_id
  UNION SELECT id FROM entities WHERE merged_into = :entity_id);

-- name: mentioned_by
-- What these episodes mention, each as the one that it stands for now.
SELECT DISTINCT m.episode_id, coalesce(e.merged_into, e.id) AS entity_id
FROM mentions AS m JOIN entities AS e ON e.id = m.entity_id WHERE m.episode_id = ANY(:ids);

-- name: users
-- Of a name, in one project or in all.
SELECT pseudonym, name, project_id FROM users
WHERE name = :name AND (:project_id IS NULL OR project_id = :project_id) ORDER BY pseudonym;

-- name: tenants_with
-- In whose memory something of this id is, and what its user is called. All that a fact comes from is
-- in one memory: one of it is looked at, so that it does not show how much there is of another's.
SELECT found.tenant, (
  SELECT u.name FROM users AS u WHERE u.pseudonym = found.user_id) AS user_name
FROM (
  SELECT e.tenant, e.user_id FROM episodes AS e WHERE e.id = :id
  UNION SELECT e.tenant, e.user_id FROM turns AS t JOIN episodes AS e ON e.id = t.episode_id
    WHERE t.id = :id
  UNION SELECT * FROM (SELECT e.tenant, e.user_id FROM past_sources AS s
    JOIN episodes AS e ON e.id = s.episode_id WHERE s.fact_id = :id LIMIT 1) AS past
  UNION SELECT * FROM (SELECT e.tenant, e.user_id FROM sources AS s
    JOIN episodes AS e ON e.id = s.episode_id WHERE s.fact_id = :id LIMIT 1) AS present
) AS found;

-- name: users_under
-- Of these pseudonyms, those that somebody has.
SELECT pseudonym FROM users WHERE pseudonym = ANY(:ids);

-- name: tenants_with_events
-- Of these tenants, those in which something has happened.
SELECT DISTINCT tenant FROM events WHERE tenant = ANY(:tenants);

-- name: add_user
INSERT INTO users (pseudonym, name, project_id) VALUES (:pseudonym, :name, :project_id)
ON CONFLICT DO NOTHING;

-- name: forget_users
DELETE FROM users WHERE pseudonym = ANY(:ids);

-- name: count_tenant
-- How many rows of each table a tenant has.
SELECT 'episodes' AS name, count(*) AS number FROM episodes WHERE tenant = :tenant
UNION ALL SELECT 'turns', count(*) FROM turns AS t JOIN episodes AS e ON e.id = t.episode_id
  WHERE e.tenant = :tenant
UNION ALL SELECT 'extractions', count(*) FROM extractions AS x
  JOIN episodes AS e ON e.id = x.episode_id WHERE e.tenant = :tenant
UNION ALL SELECT 'mentions', count(*) FROM mentions AS m JOIN episodes AS e ON e.id = m.episode_id
  WHERE e.tenant = :tenant
UNION ALL SELECT 'facts', (SELECT count(*) FROM facts WHERE tenant = :tenant AND retired_at IS NULL)
  + (SELECT count(*) FROM facts WHERE tenant = :tenant AND retired_at IS NOT NULL)
UNION ALL SELECT 'entities', count(*) FROM entities WHERE tenant = :tenant
UNION ALL SELECT 'statements', count(*) FROM statements WHERE tenant = :tenant
UNION ALL SELECT 'edits', count(*) FROM edits WHERE tenant = :tenant
UNION ALL SELECT 'merges', count(*) FROM merges WHERE tenant = :tenant
UNION ALL SELECT 'summaries', count(*) FROM summaries WHERE tenant = :tenant
UNION ALL SELECT 'events', count(*) FROM events WHERE tenant = :tenant AND after IS NOT NULL;

-- name: left_in_tenant
-- What is there still by kind and id. Facts have an index for those that are believed, and one for
-- the others.
SELECT 'entity' AS kind, id FROM entities WHERE tenant = :tenant
UNION ALL SELECT 'fact', id FROM facts WHERE tenant = :tenant AND retired_at IS NULL
UNION ALL SELECT DISTINCT 'fact', id FROM facts WHERE tenant = :tenant AND retired_at IS NOT NULL;

-- name: clear_statements
DELETE FROM statements WHERE tenant = :tenant;

-- name: clear_edits
DELETE FROM edits WHERE tenant = :tenant;

-- name: clear_events
-- What projections need to follow stays: ids, under a tenant that names nobody.
UPDATE events SET tenant = :forgotten, reason = '', actor = '',
  after = CASE WHEN action = 'ERASE' OR (kind = 'episode' AND action = 'DELETE') THEN after END
WHERE tenant = :tenant;

-- name: clear_rules
-- A type's name may say as much as a sentence.
DELETE FROM events WHERE tenant = :tenant AND kind = 'type';

-- name: types_in
-- The relation types that a tenant has used.
SELECT type FROM statements WHERE tenant = :tenant AND type IS NOT NULL
UNION SELECT type FROM facts WHERE tenant = :tenant AND type IS NOT NULL AND retired_at IS NULL
UNION SELECT type FROM facts WHERE tenant = :tenant AND type IS NOT NULL AND retired_at IS NOT NULL;

-- name: types_used
-- Of these relation types, those that are used by anybody.
SELECT a.value AS type FROM {each:types} AS a
WHERE EXISTS (SELECT 1 FROM statements AS s WHERE s.type = a.value);

-- name: erase_rules
DELETE FROM events WHERE tenant = '' AND kind = 'type' AND id = ANY(:ids);

-- name: statements_left
SELECT id FROM statements WHERE id = ANY(:ids);

-- name: every_id
SELECT 'episode' AS kind, id FROM episodes
UNION ALL SELECT DISTINCT 'fact', id FROM facts
UNION ALL SELECT 'entity', id FROM entities;

-- name: count_erased
-- How many rows of each table an erasure takes of these episodes, statements and facts.
SELECT 'turns' AS name, count(*) AS number FROM turns WHERE episode_id = ANY(:episodes)
UNION ALL SELECT 'extractions', count(*) FROM extractions WHERE episode_id = ANY(:episodes)
UNION ALL SELECT 'mentions', count(*) FROM mentions WHERE episode_id = ANY(:episodes)
UNION ALL SELECT 'statements', count(*) FROM statements WHERE id = ANY(:statements)
UNION ALL SELECT 'facts', count(*) FROM facts WHERE id = ANY(:facts)
UNION ALL SELECT 'edits', count(*) FROM edits WHERE fact_id = ANY(:facts);

-- name: add_erasure
INSERT INTO erasures (id, tenant, at, pending, body) VALUES (:id, :tenant, :at, :pending, :body);

-- name: set_erasure
UPDATE erasures SET pending = :pending, body = :body WHERE id = :id;

-- name: erasures_pending
SELECT * FROM erasures WHERE pending <> '' ORDER BY id;

-- name: erasures
SELECT * FROM erasures WHERE {whose:tenant} ORDER BY id;

-- name: erasure
SELECT * FROM erasures WHERE id = :id;

-- name: grants
-- By what they are and, where they are given, whose, which, and what about.
SELECT kind, id, organisation, about, body FROM access
WHERE kind = :kind AND id = :id AND (:organisation IS NULL OR organisation = :organisation)
  AND (:about IS NULL OR about = :about);

-- name: grants_of
SELECT kind, id, organisation, about, body FROM access
WHERE organisation = :organisation AND kind = :kind AND (:about IS NULL OR about = :about)
ORDER BY id;

-- name: grants_about
SELECT kind, id, organisation, about, body FROM access
WHERE {hash:about} = {hash::about} AND about = :about AND kind = :kind ORDER BY id, organisation;

-- name: grants_of_kind
SELECT kind, id, organisation, about, body FROM access WHERE kind = :kind ORDER BY id, organisation;

-- name: grants_of_key
-- A key, its organisation and its member.
SELECT kind, id, organisation, about, body FROM access WHERE kind = 'key' AND id = :id
UNION ALL SELECT o.kind, o.id, o.organisation, o.about, o.body FROM access AS k CROSS JOIN access AS o
  WHERE k.kind = 'key' AND k.id = :id
  AND o.kind = 'organisation' AND o.id = k.organisation AND o.organisation = k.organisation
UNION ALL SELECT m.kind, m.id, m.organisation, m.about, m.body FROM access AS k CROSS JOIN access AS m
  WHERE k.kind = 'key' AND k.id = :id
  AND m.kind = 'member' AND m.id = {text_at:k|member_id} AND m.organisation = k.organisation;

-- name: put_grant
INSERT INTO access (kind, id, organisation, about, body)
VALUES (:kind, :id, :organisation, :about, :body)
ON CONFLICT (kind, id, organisation) DO UPDATE SET about = excluded.about, body = excluded.body;

-- name: drop_grant
DELETE FROM access WHERE kind = :kind AND id = :id AND organisation = :organisation;

-- name: add_key_use
INSERT INTO key_uses (day, key_id, method, organisation, calls, refused, tokens_in, tokens_out, last_at)
VALUES (:day, :key_id, :method, :organisation, :calls, :refused, :tokens_in, :tokens_out, :last_at)
ON CONFLICT (day, key_id, method) DO UPDATE SET calls = key_uses.calls + excluded.calls,
  refused = key_uses.refused + excluded.refused,
  tokens_in = key_uses.tokens_in + excluded.tokens_in,
  tokens_out = key_uses.tokens_out + excluded.tokens_out,
  last_at = {larger:key_uses.last_at|excluded.last_at};

-- name: key_uses
-- Of every organisation or, with `_of` to the name, as in audit_entries, of one.
SELECT * FROM key_uses WHERE {ours:organisation} AND day >= :since AND day <= :until
  AND (:key_id IS NULL OR key_id = :key_id) ORDER BY day, key_id, method;

-- name: add_audit_entry
-- Of a user whom the store does not know, the name is not kept.
INSERT INTO audit (n, at, organisation, key_id, address, method, changed, outcome, project_id,
  owner, target)
VALUES ({next_number:audit}, :at, :organisation, :key_id, :address, :method, :changed, :outcome,
  :project_id, CASE WHEN :user_id IS NULL THEN :agent ELSE
    (SELECT pseudonym FROM users WHERE name = :user_id AND project_id = :project_id) END, :target);

-- name: audit_entries
SELECT a.*, u.name AS user_name FROM audit AS a LEFT JOIN users AS u ON u.pseudonym = a.owner
WHERE {ours:a.organisation} AND (:before IS NULL OR a.n < CAST(:before AS bigint))
  AND (:since IS NULL OR a.at >= :since) AND (:until IS NULL OR a.at < :until)
  AND (:key_id IS NULL OR a.key_id = :key_id) AND (:method IS NULL OR a.method = :method)
  AND (:changed IS NULL OR a.changed = CAST(:changed AS boolean))
ORDER BY a.n DESC LIMIT :limit;

-- name: audit_due
-- Of the oldest entries, those that are old enough to go.
SELECT n FROM (SELECT n, at FROM audit ORDER BY n LIMIT :limit) AS oldest WHERE at < :before;

-- name: prune_audit
DELETE FROM audit WHERE n = :n;

-- name: prune_key_uses
DELETE FROM key_uses WHERE day < :day;

-- name: begin_request
INSERT INTO replies (key_id, name, request, holder, at)
VALUES (:key_id, :name, :request, :holder, :at) ON CONFLICT (key_id, name) DO NOTHING;

-- name: reply
SELECT key_id, name, request, holder, at, answer FROM replies WHERE key_id = :key_id AND name = :name;

-- name: finish_request
-- What was erased meanwhile stays so. Of a user whom the store does not know, it is everybody's.
UPDATE replies SET answer = :answer, project_id = :project_id,
  owner = CASE WHEN :user_id IS NULL THEN :agent ELSE
    (SELECT pseudonym FROM users WHERE name = :user_id AND project_id = :project_id) END
WHERE key_id = :key_id AND name = :name AND holder = :holder AND answer IS NULL;

-- name: drop_reply
DELETE FROM replies WHERE key_id = :key_id AND name = :name AND holder = :holder;

-- name: forget_replies
-- Those of an owner, and those of which it is not known whose they are.
UPDATE replies SET answer = '' WHERE project_id = :project_id AND (owner IS NULL OR owner = :owner);

-- name: forget_replies_of_nobody
UPDATE replies SET answer = '' WHERE project_id IS NULL;

-- name: prune_replies
DELETE FROM replies WHERE at < :before;

-- name: take_rate
INSERT INTO counters (name, value, counted) VALUES (:name, {now_s} + :interval_s, true)
ON CONFLICT (name) DO UPDATE SET
  counted = {larger:counters.value|{now_s}} + :interval_s - {now_s} <= :tolerance_s + 0.000001,
  value = CASE
    WHEN {larger:counters.value|{now_s}} + :interval_s - {now_s} <= :tolerance_s + 0.000001
    THEN {larger:counters.value|{now_s}} + :interval_s ELSE counters.value END
RETURNING value - {now_s} AS ahead, counted;

-- name: take_quota
-- A quota of nothing, or less than there was, counts nothing.
INSERT INTO counters (name, value, counted)
VALUES (:name, CASE WHEN CAST(:begun AS double precision) + :amount <= :most
  THEN CAST(:begun AS double precision) + :amount ELSE :begun END,
  CAST(:begun AS double precision) + :amount <= :most)
ON CONFLICT (name) DO UPDATE SET counted = counters.value + :amount <= :most,
  value = CASE WHEN counters.value + :amount <= :most THEN counters.value + :amount
    ELSE counters.value END
RETURNING value, counted;

-- name: drop_old_counters
-- Of days that are over.
DELETE FROM counters WHERE name >= 'quota:' AND name < :today;

-- name: first
-- The first rows of a table, as they are.
SELECT {columns} FROM {table} ORDER BY {key} LIMIT :limit;

-- name: next
-- The rows after one that was read.
SELECT {columns} FROM {table} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT :limit;

-- name: load
-- A row as it is in another ledger; one that is there is replaced by itself.
INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT {conflict};

-- name: adopt
-- A row from elsewhere, which must be new here.
INSERT INTO {table} ({columns}) VALUES ({values});

-- name: last_episode_number
SELECT coalesce(max(n), 0) AS n FROM episodes;

-- name: note_loaded
-- Up to where a table has been loaded.
INSERT INTO loads (name, after) VALUES (:name, :after)
ON CONFLICT (name) DO UPDATE SET after = excluded.after;

-- name: loaded
SELECT after FROM loads WHERE name = :name;
