// The graph on Kuzu and ladybug: three tables of nodes, six of edges, and the checkpoint.
// Times are text in stored form (2026-11-21T10:50:00.000000Z). A list is never NULL, only empty.
// Every node and every edge carries `scope`, the tenant that nothing crosses: project/user:name.

// name: store
// The checkpoint: which store this graph belongs to, the format it has, and the last event applied.
CREATE NODE TABLE IF NOT EXISTS Store(
  id STRING PRIMARY KEY, store_id STRING, applied_seq INT64, format INT64)

// name: episode
// Input as it was received.
CREATE NODE TABLE IF NOT EXISTS Episode(
  id STRING PRIMARY KEY, scope STRING, project_id STRING, user_id STRING, agent_id STRING,
  run_id STRING, kind STRING, content STRING, occurred_at STRING, recorded_at STRING,
  expires_at STRING, memory_type STRING, importance DOUBLE, tags STRING[])

// name: entity
// A person, place, organization or thing. It carries the tenant only: entities are shared by all
// agents and runs of one owner.
CREATE NODE TABLE IF NOT EXISTS Entity(
  id STRING PRIMARY KEY, scope STRING, name STRING, kind STRING, aliases STRING[],
  summary STRING, recorded_at STRING)

// name: fact
// One self-standing sentence. With a type it is also a relation from subject to object, if it is
// stated: a fact of another `modality` (planned, hearsay, hypothetical, negated) is no RELATES.
// `stated_at` is when it was first said; `planned_for` the date of a plan. A date has its precision
// beside it: year, month, day or instant.
CREATE NODE TABLE IF NOT EXISTS Fact(
  id STRING PRIMARY KEY, scope STRING, project_id STRING, user_id STRING, agent_id STRING,
  run_id STRING, text STRING, version INT64, valid_at STRING,
  valid_precision STRING, invalid_at STRING, invalid_precision STRING, expires_at STRING, archived_at STRING, recorded_at STRING, subject_id STRING, type STRING,
  object_id STRING, entity_ids STRING[], memory_type STRING, importance DOUBLE, tags STRING[],
  stated_at STRING, modality STRING, planned_for STRING, planned_precision STRING)

// name: mentions
// The episode names the entity.
CREATE REL TABLE IF NOT EXISTS MENTIONS(FROM Episode TO Entity, scope STRING)

// name: states
// The episode is a source of the fact.
CREATE REL TABLE IF NOT EXISTS STATES(FROM Episode TO Fact, scope STRING)

// name: about
// The fact is about the entity. It repeats what traversal needs of the fact, so that one hop from
// an entity reads edges alone and never looks a fact up (measured: 0.4 ms against 6 ms).
// `entity_ids` is a JSON array as text: a list on an edge makes folding the log seven times slower.
CREATE REL TABLE IF NOT EXISTS ABOUT(
  FROM Fact TO Entity, scope STRING, fact_id STRING, entity_ids STRING, subject_id STRING,
  type STRING, object_id STRING, valid_at STRING, invalid_at STRING, stated_at STRING,
  modality STRING)

// name: relates
// The structured face of a fact: subject to object, `type` being a verb phrase (works_at).
CREATE REL TABLE IF NOT EXISTS RELATES(
  FROM Entity TO Entity, scope STRING, type STRING, fact_id STRING, fact STRING,
  valid_at STRING, valid_precision STRING, invalid_at STRING, invalid_precision STRING,
  recorded_at STRING, stated_at STRING)

// name: supersedes
// The fact took the place of an older one.
CREATE REL TABLE IF NOT EXISTS SUPERSEDES(FROM Fact TO Fact, scope STRING)

// name: next
// The episode that came after, in the same scope.
CREATE REL TABLE IF NOT EXISTS NEXT(FROM Episode TO Episode, scope STRING)
