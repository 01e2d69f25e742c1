// What the Kuzu adapter reads besides `read.cypher`.

// name: expand_some
// As `expand`, in no order: for the many entities that have no more than the limit, half the time.
MATCH (e:Entity {id: $id})<-[r:ABOUT]-(:Fact)
WHERE e.scope = $scope
RETURN r.fact_id, r.entity_ids, r.subject_id, r.type, r.object_id, r.valid_at, r.invalid_at,
  r.stated_at, r.modality
LIMIT $limit
