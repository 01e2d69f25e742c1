// What keeps Kuzu 0.11.3 from losing edges. FROM, TYPE and TO stand for the labels and the type.

// name: keep_edge
// Set an edge to what it is, so that its part of the table counts as changed.
MATCH (a:FROM {id: $source})-[r:TYPE]->(b:TO {id: $target})
SET r.scope = r.scope
RETURN offset(id(a)), offset(id(b))

// name: some_edge_from
// An edge that starts in this part of the table.
MATCH (a:FROM)-[:TYPE]->(b:TO)
WHERE offset(id(a)) >= $first AND offset(id(a)) <= $last
RETURN a.id, b.id
LIMIT 1

// name: some_edge_to
// An edge that ends in this part of the table.
MATCH (a:FROM)-[:TYPE]->(b:TO)
WHERE offset(id(b)) >= $first AND offset(id(b)) <= $last
RETURN a.id, b.id
LIMIT 1
