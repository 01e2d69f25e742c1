// The graph on Neo4j 5.26 or newer: constraints and indexes; nodes and edges need no declaration.
// What they hold is what `schema.kuzu.cypher` describes, property by property, with the same names.
// A property that is NULL there is absent here. Labels of other applications in the same database
// are left alone, but `Episode`, `Entity`, `Fact` and `Store` are graphmem's own.
//
// Memgraph speaks the same protocol but was not tried. It has no `CREATE CONSTRAINT … IF NOT
// EXISTS`, no `COLLECT { }` and no `CALL () { }`; these stand in this file, in `read.neo4j.cypher`
// and in what is put together from `write.neo4j.cypher`, the rest is plain Cypher.

// name: store_id
// The checkpoint: which store this graph belongs to, the format it has, and the last event applied.
CREATE CONSTRAINT graphmem_store_id IF NOT EXISTS FOR (n:Store) REQUIRE n.id IS UNIQUE

// name: episode_id
// Every node is written and found by its id.
CREATE CONSTRAINT graphmem_episode_id IF NOT EXISTS FOR (n:Episode) REQUIRE n.id IS UNIQUE

// name: entity_id
// The start of every expansion.
CREATE CONSTRAINT graphmem_entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE

// name: fact_id
// Facts are replaced and removed by id.
CREATE CONSTRAINT graphmem_fact_id IF NOT EXISTS FOR (n:Fact) REQUIRE n.id IS UNIQUE

// name: episode_scope
// The console puts the scope into every node of a query: this keeps it off other scopes' nodes.
CREATE INDEX graphmem_episode_scope IF NOT EXISTS FOR (n:Episode) ON (n.scope)

// name: entity_scope
// As for episodes. Names are not indexed: they may be longer than an index takes (8 kB).
CREATE INDEX graphmem_entity_scope IF NOT EXISTS FOR (n:Entity) ON (n.scope)

// name: fact_scope
// As for episodes.
CREATE INDEX graphmem_fact_scope IF NOT EXISTS FOR (n:Fact) ON (n.scope)

// name: relates_fact_id
// The relation of a fact that is replaced or removed is found at once, however connected its ends.
CREATE INDEX graphmem_relates_fact_id IF NOT EXISTS FOR ()-[r:RELATES]-() ON (r.fact_id)

// name: about_entity
// The facts about an entity in order of their ids, however many there are: reading 32 of 10,000
// takes as long as reading 32 of 32 (measured: 1.2 ms, against 6 ms by sorting).
CREATE INDEX graphmem_about_entity IF NOT EXISTS FOR ()-[r:ABOUT]-() ON (r._entity, r.fact_id)

// name: await_indexes
// Until they can be used; on a new graph they can at once.
CALL db.awaitIndexes(300)
