// A tour of what is stored: questions that a person would ask, each to be run as it stands through
// the guard (`graphmem cypher --name x`, `Memory.cypher`), inside one tenant. Under what a query
// answers stand the parameters that it takes: `$since: time = 7 days ago` may be left out. The same
// text runs on Kuzu, ladybug and Neo4j and gives the same rows in the same order.
//
// A relation "holds" when nothing has ended it: no invalid_at, or one that is still to come.

// name: overview
// How much is there, by kind of entity?
MATCH (e:Entity)
RETURN e.kind AS kind, count(*) AS entities
ORDER BY entities DESC, kind

// name: by_month
// How much was said in each month?
MATCH (e:Episode)
RETURN left(e.occurred_at, 7) AS month, count(*) AS episodes
ORDER BY month

// name: who_is
// What do we know about an entity? Every fact about it, what began last first, what has no
// date last.
// $name: text. The name of the entity, as it is stored.
MATCH (e:Entity {name: $name})<-[:ABOUT]-(f:Fact)
RETURN f.text AS fact, f.valid_at AS since, f.invalid_at AS until, f.recorded_at AS recorded
ORDER BY coalesce(since, '') DESC, recorded DESC, fact
LIMIT 50

// name: also_called
// By which other names is somebody or something known?
MATCH (e:Entity)
WHERE size(e.aliases) > 0
RETURN e.name AS name, e.kind AS kind, e.aliases AS also
ORDER BY name, kind
LIMIT 50

// name: relations_of
// How does an entity stand to others? Relations out of it and into it.
// $name: text. The name of the entity, as it is stored.
MATCH (a:Entity)-[r:RELATES]->(b:Entity)
WHERE a.name = $name OR b.name = $name
RETURN a.name AS subject, r.type AS relation, b.name AS object, r.valid_at AS since,
  r.invalid_at AS until
ORDER BY subject, relation, object, coalesce(since, ''), coalesce(until, '')
LIMIT 100

// name: most_connected
// Who or what is spoken of most?
MATCH (e:Entity)<-[:ABOUT]-(f:Fact)
RETURN e.name AS name, e.kind AS kind, count(*) AS facts
ORDER BY facts DESC, name
LIMIT 20

// name: relation_types
// Which kinds of relation are there, and how many of each hold or have ended?
MATCH (:Entity)-[r:RELATES]->(:Entity)
RETURN r.type AS relation, count(*) AS stated, count(r.invalid_at) AS with_an_end
ORDER BY stated DESC, relation

// name: who_has
// Who stands in a relation of one type, to whom?
// $type: text. The type of relation, for example works_at.
MATCH (a:Entity)-[r:RELATES {type: $type}]->(b:Entity)
RETURN a.name AS subject, b.name AS object, r.valid_at AS since, r.invalid_at AS until
ORDER BY subject, object, coalesce(since, ''), coalesce(until, '')
LIMIT 100

// name: state_at
// Which relations held at a moment? What has no date began when it was first said; what was said to
// be over already has no beginning that is known.
// $at: time = now. The moment.
MATCH (a:Entity)-[r:RELATES]->(b:Entity)
WHERE (coalesce(r.valid_at, r.stated_at) <= $at
    OR (r.valid_at IS NULL AND r.invalid_at <= r.stated_at))
  AND (r.invalid_at IS NULL OR r.invalid_at > $at)
RETURN a.name AS subject, r.type AS relation, b.name AS object, r.valid_at AS since
ORDER BY subject, relation, object, coalesce(since, '')
LIMIT 100

// name: changed_since
// What began, or came to its end, since a moment?
// $since: time = 7 days ago. The moment from which on.
MATCH (f:Fact)
WHERE f.valid_at >= $since OR f.invalid_at >= $since
RETURN f.text AS fact, f.valid_at AS since, f.invalid_at AS until
ORDER BY coalesce(until, since) DESC, fact
LIMIT 50

// name: learned_since
// What was written down since a moment, whenever it happened?
// $since: time = 7 days ago. The moment from which on.
MATCH (f:Fact)
WHERE f.recorded_at >= $since
RETURN f.recorded_at AS recorded, f.text AS fact
ORDER BY recorded DESC, fact
LIMIT 50

// name: timeline_of
// What happened with an entity, in order?
// $name: text. The name of the entity, as it is stored.
MATCH (e:Entity {name: $name})<-[:ABOUT]-(f:Fact)
WHERE f.valid_at IS NOT NULL
RETURN f.valid_at AS since, f.invalid_at AS until, f.text AS fact
ORDER BY since, coalesce(until, ''), fact

// name: ended
// Which relations have come to an end, what ended last first?
MATCH (a:Entity)-[r:RELATES]->(b:Entity)
WHERE r.invalid_at IS NOT NULL
RETURN a.name AS subject, r.type AS relation, b.name AS object, r.valid_at AS since,
  r.invalid_at AS until
ORDER BY until DESC, subject, relation, object
LIMIT 50

// name: superseded
// Which facts took the place of which?
MATCH (new:Fact)-[:SUPERSEDES]->(old:Fact)
RETURN old.text AS was, old.invalid_at AS until, new.text AS became, new.recorded_at AS recorded
ORDER BY recorded DESC, became, was
LIMIT 50

// name: contradictions
// Where does one subject stand in one relation to two objects, and neither has ended? Some
// relations may have many (likes); for others (lives_in) one of the two is stale.
MATCH (a:Entity)-[r:RELATES]->(b:Entity), (a)-[s:RELATES]->(c:Entity)
WHERE r.type = s.type AND b.id < c.id AND r.invalid_at IS NULL AND s.invalid_at IS NULL
RETURN a.name AS subject, r.type AS relation, b.name AS one, c.name AS other
ORDER BY subject, relation, one, other
LIMIT 50

// name: facts_of_episode
// Which facts came from an episode?
// $episode_id: text. The id of the episode.
MATCH (e:Episode {id: $episode_id})-[:STATES]->(f:Fact)
RETURN f.id AS fact_id, f.text AS fact, f.importance AS importance
ORDER BY fact, fact_id

// name: sources_of_fact
// Where was a fact stated?
// $fact_id: text. The id of the fact.
MATCH (e:Episode)-[:STATES]->(f:Fact {id: $fact_id})
RETURN e.id AS episode_id, e.occurred_at AS happened, left(e.content, 120) AS said
ORDER BY happened, episode_id

// name: episodes_about
// When was an entity spoken of, and what was said?
// $name: text. The name of the entity, as it is stored.
MATCH (p:Episode)-[:MENTIONS]->(e:Entity {name: $name})
RETURN p.id AS episode_id, p.occurred_at AS happened, left(p.content, 80) AS said
ORDER BY happened, episode_id
LIMIT 50

// name: what_came_next
// What was said right after an episode, and what had been said right before it?
// $episode_id: text. The id of the episode.
MATCH (e:Episode {id: $episode_id})
OPTIONAL MATCH (a:Episode)-[:NEXT]->(e)
OPTIONAL MATCH (e)-[:NEXT]->(b:Episode)
RETURN a.id AS previous, e.id AS episode_id, b.id AS following, left(b.content, 80) AS said
ORDER BY previous, following

// name: well_supported
// Which facts were stated more than once?
MATCH (e:Episode)-[:STATES]->(f:Fact)
WITH f, count(*) AS sources
WHERE sources > 1
RETURN f.text AS fact, sources
ORDER BY sources DESC, fact
LIMIT 20

// name: latest_episodes
// What came in last, and how much was drawn from it?
MATCH (e:Episode)
OPTIONAL MATCH (e)-[:STATES]->(f:Fact)
RETURN e.id AS episode_id, e.occurred_at AS happened, count(f) AS facts
ORDER BY happened DESC, episode_id
LIMIT 20

// name: silent_episodes
// Which episodes gave no fact at all?
MATCH (e:Episode)
WHERE NOT EXISTS { MATCH (e)-[:STATES]->(:Fact) }
RETURN e.id AS episode_id, e.occurred_at AS happened
ORDER BY happened DESC, episode_id
LIMIT 50

// name: mentioned_together
// Who is named in the same episodes as an entity, and how often?
// $name: text. The name of the entity, as it is stored.
MATCH (a:Entity {name: $name})<-[:MENTIONS]-(e:Episode)-[:MENTIONS]->(b:Entity)
WHERE a.id <> b.id
RETURN b.name AS name, b.kind AS kind, count(*) AS episodes
ORDER BY episodes DESC, name
LIMIT 20

// name: in_common
// What do two entities have in common: whom or what are both related to?
// $one: text. The name of the first.
// $other: text. The name of the second.
MATCH (a:Entity {name: $one})-[r:RELATES]-(c:Entity)-[s:RELATES]-(b:Entity {name: $other})
WHERE a.id <> b.id
RETURN DISTINCT c.name AS between, r.type AS to_one, s.type AS to_other
ORDER BY between, to_one, to_other
LIMIT 50

// name: shared_facts
// Which facts are about both of two entities?
// $one: text. The name of the first.
// $other: text. The name of the second.
MATCH (a:Entity {name: $one})<-[:ABOUT]-(f:Fact)-[:ABOUT]->(b:Entity {name: $other})
WHERE a.id <> b.id
RETURN f.text AS fact, f.valid_at AS since, f.invalid_at AS until
ORDER BY coalesce(since, ''), fact
LIMIT 50

// name: within_two_steps
// Whom does an entity reach in two relations, in any direction?
// $name: text. The name of the entity, as it is stored.
MATCH (a:Entity {name: $name})-[r:RELATES]-(b:Entity)-[s:RELATES]-(c:Entity)
WHERE a.id <> c.id
RETURN DISTINCT b.name AS through, c.name AS reaches
ORDER BY through, reaches
LIMIT 50

// name: between_them
// How do two entities connect: by which chains of three relations, in any direction?
// $one: text. The name of the first.
// $other: text. The name of the second.
MATCH (a:Entity {name: $one})-[r:RELATES]-(b:Entity)-[s:RELATES]-(c:Entity)
  -[t:RELATES]-(d:Entity {name: $other})
WHERE a.id <> c.id AND a.id <> d.id AND b.id <> d.id
RETURN DISTINCT a.name AS one, r.type AS step_1, b.name AS via, s.type AS step_2,
  c.name AS and_via, t.type AS step_3, d.name AS other
ORDER BY via, and_via, step_1, step_2, step_3
LIMIT 50

// name: orphans
// Which entities is no fact about?
MATCH (e:Entity)
WHERE NOT EXISTS { MATCH (e)<-[:ABOUT]-(:Fact) }
RETURN e.name AS name, e.kind AS kind
ORDER BY name, kind
LIMIT 50

// name: without_source
// Which facts can no longer be traced to anything that was said?
MATCH (f:Fact)
WHERE NOT EXISTS { MATCH (:Episode)-[:STATES]->(f) }
RETURN f.id AS fact_id, f.text AS fact
ORDER BY fact, fact_id
LIMIT 50

// name: ending_soon
// Which facts expire, or have an end that is known, after a moment?
// $at: time = now. The moment.
MATCH (f:Fact)
WHERE f.expires_at > $at OR f.invalid_at > $at
RETURN f.text AS fact, f.expires_at AS expires, f.invalid_at AS until
ORDER BY coalesce(expires, until), fact
LIMIT 50

// name: most_important
// Which facts matter most, of those that have not ended?
MATCH (f:Fact)
WHERE f.invalid_at IS NULL AND f.archived_at IS NULL
RETURN f.text AS fact, f.importance AS importance
ORDER BY importance DESC, fact
LIMIT 20
