// What the Neo4j adapter writes: each statement takes many rows, because a round trip costs more
// than a row. The order here is the order in which a batch is written.
//
// As on Kuzu, an edge is made only between two ends of the same scope: this is what makes a scope
// on every node of a query sufficient, and a missing end leaves the edge out. The hints are
// needed: a planner that has seen few nodes yet would find one end by its id, and the other through
// the index of the scope, which is every node of the owner.
//
// All that stands here is planned once (`replan=skip`): every node is found by a unique id and every
// relation by its fact, which stays right whatever is stored, and planning takes 100 ms and more.

// name: claim_checkpoint
// The checkpoint of a new graph, or of one that is to be emptied: format 0 until that is done.
MERGE (s:Store {id: 'graphmem'})
SET s.store_id = $store_id, s.applied_seq = 0, s.format = 0

// name: finish_checkpoint
// The graph is empty and ready.
MATCH (s:Store {id: 'graphmem', store_id: $store_id})
SET s.format = $format

// name: begin
// First in every transaction: whoever writes the checkpoint waits for the one before, in whatever
// process, so two batches never mix. Gives the checkpoint, and which nodes are there with their scope.
CYPHER replan=skip
MATCH (s:Store {id: 'graphmem'})
SET s.applied_seq = s.applied_seq
RETURN s.store_id, s.format,
  COLLECT { UNWIND $episodes AS id MATCH (n:Episode {id: id}) RETURN [n.id, n.scope] } AS episodes,
  COLLECT { UNWIND $entities AS id MATCH (n:Entity {id: id}) RETURN [n.id, n.scope] } AS entities,
  COLLECT { UNWIND $facts AS id MATCH (n:Fact {id: id}) RETURN [n.id, n.scope] } AS facts

// name: drop_relates
// Before facts are written anew or removed: their relations.
UNWIND $facts AS id
MATCH ()-[r:RELATES {fact_id: id}]->()
DELETE r

// name: drop_fact_edges
// Before facts are written anew: what they are about and took the place of.
UNWIND $facts AS id
MATCH (:Fact {id: id})-[r:ABOUT|SUPERSEDES]->()
DELETE r

// name: drop_states
// Before facts are written anew: their sources.
UNWIND $facts AS id
MATCH (:Fact {id: id})<-[r:STATES]-()
DELETE r

// name: drop_next
// Before episodes are written anew: their place after another.
UNWIND $episodes AS id
MATCH (:Episode {id: id})<-[r:NEXT]-()
DELETE r

// name: remove_facts
// Facts, with what is left of their edges.
UNWIND $facts AS id
MATCH (n:Fact {id: id})
DETACH DELETE n

// name: remove_episodes
// Episodes, with all their edges.
UNWIND $episodes AS id
MATCH (n:Episode {id: id})
DETACH DELETE n

// name: remove_entities
// Entities, with all their edges.
UNWIND $entities AS id
MATCH (n:Entity {id: id})
DETACH DELETE n

// name: drop_mentions
// Before what episodes name is told anew.
UNWIND $renewed AS id
MATCH (:Episode {id: id})-[r:MENTIONS]->()
DELETE r

// name: put_episodes
// Episodes as they are now.
UNWIND $episodes AS row
MERGE (n:Episode {id: row.id})
SET n = row

// name: put_entities
// Entities as they are now.
UNWIND $entities AS row
MERGE (n:Entity {id: row.id})
SET n = row

// name: put_facts
// Facts as they are now.
UNWIND $facts AS row
MERGE (n:Fact {id: row.id})
SET n = row

// name: put_mentions
// Episodes name entities.
UNWIND $mentions AS row
MATCH (a:Episode {id: row.source}), (b:Entity {id: row.target})
USING INDEX SEEK a:Episode(id)
USING INDEX SEEK b:Entity(id)
WHERE a.scope = b.scope
MERGE (a)-[:MENTIONS {scope: a.scope}]->(b)

// name: put_states
// Episodes are the sources of facts.
UNWIND $states AS row
MATCH (a:Episode {id: row.source}), (b:Fact {id: row.target})
USING INDEX SEEK a:Episode(id)
USING INDEX SEEK b:Fact(id)
WHERE a.scope = b.scope
CREATE (a)-[:STATES {scope: a.scope}]->(b)

// name: put_about
// Facts are about entities. `_entity` is for the index that `expand` reads; no reader is shown it.
UNWIND $about AS row
MATCH (a:Fact {id: row.source}), (b:Entity {id: row.target})
USING INDEX SEEK a:Fact(id)
USING INDEX SEEK b:Entity(id)
WHERE a.scope = b.scope
CREATE (a)-[r:ABOUT]->(b)
SET r = row.rest, r.scope = a.scope, r._entity = b.id

// name: put_relates
// Entities stand in relations to one another.
UNWIND $relates AS row
MATCH (a:Entity {id: row.source}), (b:Entity {id: row.target})
USING INDEX SEEK a:Entity(id)
USING INDEX SEEK b:Entity(id)
WHERE a.scope = b.scope AND a.scope = row.rest.scope
CREATE (a)-[r:RELATES]->(b)
SET r = row.rest

// name: put_supersedes
// Facts take the place of others.
UNWIND $supersedes AS row
MATCH (a:Fact {id: row.source}), (b:Fact {id: row.target})
USING INDEX SEEK a:Fact(id)
USING INDEX SEEK b:Fact(id)
WHERE a.scope = b.scope
CREATE (a)-[:SUPERSEDES {scope: a.scope}]->(b)

// name: put_next
// Episodes follow others.
UNWIND $next AS row
MATCH (a:Episode {id: row.source}), (b:Episode {id: row.target})
USING INDEX SEEK a:Episode(id)
USING INDEX SEEK b:Episode(id)
WHERE a.scope = b.scope
CREATE (a)-[:NEXT {scope: a.scope}]->(b)

// name: move_checkpoint
// Where this graph got to: last in a batch. It only goes forward.
MATCH (s:Store {id: 'graphmem'})
WHERE s.applied_seq < $applied_seq
SET s.applied_seq = $applied_seq

// name: empty_edges
// Some of the edges of ours, so that emptying a large graph takes many small transactions.
MATCH (a:Episode|Entity|Fact)-[r:MENTIONS|STATES|ABOUT|RELATES|SUPERSEDES|NEXT]->()
WITH r LIMIT $limit
DELETE r
RETURN count(*) AS deleted

// name: empty_nodes
// Some of the nodes of ours, with what edges others may have put on them.
MATCH (n:Episode|Entity|Fact)
WITH n LIMIT $limit
DETACH DELETE n
RETURN count(*) AS deleted
