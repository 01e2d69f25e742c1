// What the adapters read, one node a statement. The same text runs on Kuzu, ladybug and Neo4j;
// what Neo4j is asked in another way is in `read.neo4j.cypher`.

// name: get_checkpoint
// Which store this graph belongs to, its format, and the last event applied.
MATCH (s:Store {id: 'graphmem'}) RETURN s.store_id, s.applied_seq, s.format

// name: get_episode
// The scope and the lists of an episode; no row when it is not there.
MATCH (n:Episode {id: $id}) RETURN n.scope, n.tags

// name: get_entity
// The scope and the lists of an entity; no row when it is not there.
MATCH (n:Entity {id: $id}) RETURN n.scope, n.aliases

// name: get_fact
// The scope of a fact, its lists and the ends of its relation; no row when it is not there.
MATCH (n:Fact {id: $id}) RETURN n.scope, n.entity_ids, n.tags, n.subject_id, n.object_id

// name: whole_fact
// A fact as it is stored, its properties in the order in which they are written; no row when it is
// not there.
MATCH (n:Fact {id: $id})
RETURN n.scope, n.project_id, n.user_id, n.agent_id, n.run_id, n.text, n.version, n.valid_at,
  n.valid_precision, n.invalid_at, n.invalid_precision, n.expires_at, n.archived_at, n.recorded_at, n.subject_id, n.type, n.object_id,
  n.entity_ids, n.memory_type, n.importance, n.tags, n.stated_at, n.modality, n.planned_for,
  n.planned_precision

// name: stated_by
// The episodes that a fact comes from.
MATCH (e:Episode)-[:STATES]->(:Fact {id: $id}) RETURN e.id

// name: took_place_of
// The facts that a fact took the place of.
MATCH (:Fact {id: $id})-[:SUPERSEDES]->(o:Fact) RETURN o.id

// name: known_episodes
// Which of many episodes are there. Scans: for large batches only.
UNWIND $ids AS id MATCH (n:Episode {id: id}) RETURN n.id, n.scope

// name: known_entities
// Which of many entities are there. Scans: for large batches only.
UNWIND $ids AS id MATCH (n:Entity {id: id}) RETURN n.id, n.scope

// name: known_facts
// Which of many facts are there. Scans: for large batches only.
UNWIND $ids AS id MATCH (n:Fact {id: id}) RETURN n.id, n.scope

// name: mentioned
// Whom an episode names already.
MATCH (:Episode {id: $id})-[:MENTIONS]->(n:Entity) RETURN n.id

// name: expand
// The facts about an entity, inside its tenant, the first by id, no more than the limit.
MATCH (e:Entity {id: $id})<-[r:ABOUT]-(:Fact)
WHERE e.scope = $scope
RETURN r.fact_id, r.entity_ids, r.subject_id, r.type, r.object_id, r.valid_at, r.invalid_at,
  r.stated_at, r.modality
ORDER BY r.fact_id
LIMIT $limit

// name: dump_nodes
// Every node but the checkpoint, which has no scope.
MATCH (n) WHERE n.scope IS NOT NULL RETURN n

// name: dump_nodes_inside
// Every node inside one tenant.
MATCH (n) WHERE n.scope = $scope RETURN n

// name: dump_edges
// Every edge.
MATCH (a)-[r]->(b) RETURN a.id, b.id, r

// name: dump_edges_inside
// Every edge inside one tenant.
MATCH (a)-[r]->(b) WHERE a.scope = $scope RETURN a.id, b.id, r

// name: show_tables
// The tables that a database has. Kuzu and ladybug only.
CALL show_tables() RETURN name

// name: checkpoint
// Fold the write-ahead log into the database file. Kuzu and ladybug only.
CHECKPOINT
