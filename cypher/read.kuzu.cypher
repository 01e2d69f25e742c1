// What the Kuzu adapter reads besides `read.cypher`.

// name: expand_some
// As `expand`, in no order: for the many entities that have no more than the limit, half the time.
MATCH (e:Entity {id: $id})<-[r:ABOUT]-(:Fact)
WHERE e.scope = $scope
RETURN r.fact_id, r.entity_ids, r.subject_id, r.type, r.object_id, r.valid_at, r.invalid_at,
  r.stated_at, r.modality
LIMIT $limit

// name: rows_of_nodes
// Every node of a table, by its columns. LABEL and COLUMNS stand for their names.
MATCH (n:LABEL) RETURN n.id, COLUMNS

// name: rows_of_edges
// Every edge of a table, by its columns. FROM, TYPE, TO and COLUMNS stand for their names.
MATCH (a:FROM)-[r:TYPE]->(b:TO) RETURN a.id, b.id, COLUMNS
