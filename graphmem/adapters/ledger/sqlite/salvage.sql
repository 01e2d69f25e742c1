-- What makes a whole ledger of rows that were saved from a damaged one. Only for a new file that
-- nobody else has opened.

-- name: keep_three_ids
CREATE TEMP TABLE three_ids (one TEXT, two TEXT, three TEXT, PRIMARY KEY (one, two, three))
  WITHOUT ROWID;

-- name: take_three_ids
INSERT OR IGNORE INTO three_ids (one, two, three) VALUES (:one, :two, :three);

-- name: take_mentions
-- Three ids are a mention when they are those of a turn, an entity and the turn's episode.
INSERT OR IGNORE INTO mentions (turn_id, entity_id, episode_id)
SELECT t.id, n.id, t.episode_id FROM (
  SELECT one AS a, two AS b, three AS c FROM three_ids
  UNION SELECT two, one, three FROM three_ids
  UNION SELECT three, one, two FROM three_ids
  UNION SELECT one, three, two FROM three_ids
  UNION SELECT two, three, one FROM three_ids
  UNION SELECT three, two, one FROM three_ids
) AS i
JOIN turns AS t ON t.id = i.a
JOIN entities AS n ON n.id = i.b
WHERE t.episode_id = i.c;

-- name: seqs
SELECT seq FROM events ORDER BY seq;

-- name: erased
-- What the last event that is left says was erased.
SELECT kind, id FROM (SELECT kind, id, action, max(seq) FROM events GROUP BY kind, id)
WHERE action = 'ERASE';

-- name: drop_episode
DELETE FROM episodes WHERE id = :id;

-- name: drop_turns
DELETE FROM turns WHERE episode_id = :id;

-- name: drop_entity
DELETE FROM entities WHERE id = :id;

-- name: drop_fact
DELETE FROM facts WHERE id = :id;

-- name: lost_entities
-- Entities that events speak of, as they last say.
SELECT e.id, e.after, (
  SELECT l.action || ' ' || l.at || ' ' || l.reason FROM events AS l
  WHERE l.id = e.id AND l.kind = 'entity' ORDER BY l.seq DESC LIMIT 1) AS last
FROM (SELECT id, after, max(seq) FROM events WHERE kind = 'entity' AND after IS NOT NULL
  GROUP BY id) AS e
WHERE NOT EXISTS (SELECT 1 FROM entities AS n WHERE n.id = e.id);

-- name: merged_into
SELECT kept_id FROM merges WHERE gone_id = :id AND undone = 0 ORDER BY at DESC LIMIT 1;

-- name: lost_versions
-- Versions of facts that events speak of; what became of each by the next event, if anything did.
SELECT e.id, e.after, coalesce(json_extract(e.after, '$.version'), 1) AS version, (
  SELECT l.at FROM events AS l WHERE l.id = e.id AND l.kind = 'fact' AND l.seq > e.seq
  ORDER BY l.seq LIMIT 1) AS retired_at
FROM (
  SELECT id, after, max(seq) AS seq FROM events WHERE kind = 'fact' AND after IS NOT NULL
  GROUP BY id, coalesce(json_extract(after, '$.version'), 1)) AS e
WHERE NOT EXISTS (
  SELECT 1 FROM facts AS f
  WHERE f.id = e.id AND f.version = coalesce(json_extract(e.after, '$.version'), 1))
ORDER BY e.id, version;

-- name: newer_version
SELECT recorded_at FROM facts WHERE id = :id AND version > :version ORDER BY version LIMIT 1;

-- name: older_present
SELECT version, body FROM facts WHERE id = :id AND version < :version AND retired_at IS NULL;

-- name: retire
UPDATE facts SET retired_at = :at, body = :body WHERE id = :id AND version = :version;

-- name: lost_episodes
-- Episodes that anything speaks of, the first moment that is known of each, and where it came.
SELECT id, min(tenant) AS tenant, min(at) AS at, min(seq) AS seq FROM (
  SELECT id, tenant, at, seq FROM events WHERE kind = 'episode' AND action = 'ADD'
  UNION ALL SELECT episode_id, tenant, NULL, NULL FROM turns
  UNION ALL SELECT episode_id, tenant, NULL, NULL FROM statements
) AS known
WHERE NOT EXISTS (SELECT 1 FROM episodes AS e WHERE e.id = known.id)
  AND NOT EXISTS (
    SELECT 1 FROM (SELECT action, tenant, max(seq) FROM events AS l
      WHERE l.id = known.id AND l.kind = 'episode')
    WHERE action IN ('DELETE', 'ERASE'))
  AND tenant LIKE '%/%'
GROUP BY id ORDER BY seq IS NULL, seq, id;

-- name: all_episodes
SELECT id, tenant, kind, content FROM episodes;

-- name: turns_of
SELECT id, ordinal, speaker, role, text, occurred_at, source_id FROM turns
WHERE episode_id = :id ORDER BY ordinal;

-- name: statements_of
SELECT body FROM statements WHERE episode_id = :id ORDER BY id;

-- name: number_before
-- The number of the episode that came last before an event.
SELECT e.n FROM events AS v JOIN episodes AS e ON e.id = v.id
WHERE v.kind = 'episode' AND v.seq < :seq ORDER BY v.seq DESC LIMIT 1;

-- name: number_is_taken
SELECT 1 FROM episodes WHERE n = :n;

-- name: all_present_facts
SELECT body FROM facts WHERE retired_at IS NULL;

-- name: all_past_facts
SELECT body FROM facts WHERE retired_at IS NOT NULL;

-- name: has_statement
SELECT 1 FROM statements WHERE id = :id;

-- name: all_entities
SELECT body FROM entities;

-- name: put_alias
INSERT OR IGNORE INTO aliases (tenant, key, entity_id) VALUES (:tenant, :key, :id);

-- name: put_fact_entity
INSERT OR IGNORE INTO fact_entities (entity_id, fact_id) VALUES (:entity_id, :fact_id);

-- name: put_source
INSERT OR IGNORE INTO sources (fact_id, episode_id, turn_id, agent_id, run_id)
VALUES (:fact_id, :episode_id, :turn_id, :agent_id, :run_id);

-- name: put_past_entity
INSERT OR IGNORE INTO past_entities (entity_id, fact_id) VALUES (:entity_id, :fact_id);

-- name: put_past_source
INSERT OR IGNORE INTO past_sources (fact_id, episode_id, turn_id, agent_id, run_id)
VALUES (:fact_id, :episode_id, :turn_id, :agent_id, :run_id);

-- name: put_support
INSERT OR IGNORE INTO supports (statement_id, fact_id) VALUES (:statement_id, :fact_id);

-- name: all_statements
SELECT s.body FROM statements AS s WHERE s.undone = 0;

-- name: put_mention
INSERT OR IGNORE INTO mentions (turn_id, entity_id, episode_id)
SELECT t.id, n.id, t.episode_id FROM turns AS t, entities AS n
WHERE t.id = :turn_id AND n.id = :entity_id;

-- name: mentioning_events
-- What episodes mention, in order: one that replaces counts for all before it.
SELECT id, action, after FROM events
WHERE kind = 'mention' AND after IS NOT NULL
  AND id IN (SELECT id FROM episodes WHERE status <> 'undone') ORDER BY id, seq;

-- name: mentioned
SELECT DISTINCT coalesce(n.merged_into, n.id) AS id FROM mentions AS m
JOIN entities AS n ON n.id = m.entity_id WHERE m.episode_id = :id ORDER BY 1;

-- name: mentioning_episodes
-- Those that mention anybody, or of which the events say so: their turns may be lost.
SELECT e.id, e.tenant FROM episodes AS e WHERE e.status <> 'undone' AND (
  e.id IN (SELECT episode_id FROM mentions)
  OR e.id IN (SELECT id FROM events WHERE kind = 'mention' AND after IS NOT NULL));

-- name: name_of_entity
SELECT name FROM entities WHERE id = :id;

-- name: clear_strays
-- Rows that refer to what is lost.
DELETE FROM extractions WHERE episode_id NOT IN (SELECT id FROM episodes);

-- name: lost_users
-- Users whose names are lost: their pseudonyms stand in place of them.
INSERT OR IGNORE INTO users (pseudonym, name, project_id)
SELECT DISTINCT user_id, user_id, project_id FROM episodes
WHERE user_id IS NOT NULL AND user_id NOT IN (SELECT pseudonym FROM users);

-- name: users_without_name
SELECT pseudonym FROM users WHERE name = pseudonym ORDER BY pseudonym;

-- name: untold_entities
-- Entities that are not what their last event says.
SELECT n.id, n.tenant, CASE WHEN n.gone_at IS NULL THEN n.body END AS after, l.action IS NULL AS new
FROM entities AS n
LEFT JOIN (SELECT id, action, max(seq) FROM events WHERE kind = 'entity' GROUP BY id) AS l
  ON l.id = n.id
LEFT JOIN (SELECT id, after, max(seq) FROM events WHERE kind = 'entity' AND after IS NOT NULL
  GROUP BY id) AS a ON a.id = n.id
WHERE CASE WHEN n.gone_at IS NULL
  THEN l.action IS NULL OR l.action IN ('DELETE', 'ERASE') OR a.after IS NOT n.body
  ELSE l.action NOT IN ('DELETE', 'ERASE') END
ORDER BY n.id;

-- name: untold_facts
-- The same of facts; what is believed no more has no present version.
SELECT f.id, f.tenant, f.now AS after, l.action IS NULL AS new
FROM (
  SELECT id, min(tenant) AS tenant, max(CASE WHEN retired_at IS NULL THEN body END) AS now
  FROM facts GROUP BY id) AS f
LEFT JOIN (SELECT id, action, max(seq) FROM events WHERE kind = 'fact' GROUP BY id) AS l
  ON l.id = f.id
LEFT JOIN (SELECT id, after, max(seq) FROM events WHERE kind = 'fact' AND after IS NOT NULL
  GROUP BY id) AS a ON a.id = f.id
WHERE CASE WHEN f.now IS NOT NULL
  THEN l.action IS NULL OR l.action IN ('DELETE', 'ERASE') OR a.after IS NOT f.now
  ELSE l.action NOT IN ('DELETE', 'ERASE') END
ORDER BY f.id;

-- name: untold_episodes
SELECT e.id, e.tenant, NULL AS after, true AS new FROM episodes AS e
LEFT JOIN (SELECT id, action, max(seq) FROM events WHERE kind = 'episode' GROUP BY id) AS l
  ON l.id = e.id
WHERE e.status <> 'undone' AND (l.action IS NULL OR l.action IN ('DELETE', 'ERASE')) ORDER BY e.n;

-- name: put_event
INSERT INTO events (seq, at, kind, id, action, tenant, episode_id, actor, reason, after)
VALUES (:seq, :at, :kind, :id, :action, :tenant, NULL, 'salvage', :reason, :after);

-- name: tenants
SELECT tenant, count(*) AS episodes FROM episodes GROUP BY tenant ORDER BY tenant;
