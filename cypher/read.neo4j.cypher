// What the Neo4j adapter reads where the text must differ from `read.cypher`: several labels in
// one node (`a:Episode|Fact`, which Kuzu does not take), and all entities in one round trip.

// name: expand
// The facts about each entity, inside its tenant, the first by id, no more than the limit each. They
// come from an index in order, so that no more edges are read than are returned; planned once, as
// this stays right.
CYPHER replan=skip
UNWIND $ids AS id
MATCH (e:Entity {id: id})
USING INDEX SEEK e:Entity(id)
WHERE e.scope = $scope
RETURN id, COLLECT {
  MATCH ()-[r:ABOUT]->()
  WHERE r._entity = id AND r.fact_id >= ''
  RETURN [r.fact_id, r.entity_ids, r.subject_id, r.type, r.object_id, r.valid_at, r.invalid_at,
    r.stated_at, r.modality]
  ORDER BY r._entity, r.fact_id
  LIMIT $limit
} AS links

// name: any_node
// Whether there is a node of ours, in a database without a checkpoint.
MATCH (n:Episode|Entity|Fact) RETURN labels(n)[0] LIMIT 1

// name: dump_nodes
// Every node of ours but the checkpoint. Plain maps: the driver takes longer to make nodes of them.
MATCH (n:Episode|Entity|Fact) RETURN labels(n), properties(n)

// name: dump_nodes_inside
// Every node inside one tenant.
MATCH (n:Episode|Entity|Fact) WHERE n.scope = $scope RETURN labels(n), properties(n)

// name: dump_edges
// Every edge of ours.
MATCH (a:Episode|Entity|Fact)
  -[r:MENTIONS|STATES|ABOUT|RELATES|SUPERSEDES|NEXT]->(b:Episode|Entity|Fact)
RETURN type(r), a.id, b.id, properties(r)

// name: dump_edges_inside
// Every edge inside one tenant.
MATCH (a:Episode|Entity|Fact)
  -[r:MENTIONS|STATES|ABOUT|RELATES|SUPERSEDES|NEXT]->(b:Episode|Entity|Fact)
WHERE a.scope = $scope
RETURN type(r), a.id, b.id, properties(r)
