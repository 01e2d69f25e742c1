-- What a filter asks of one thing, by field: pieces of the statements of facts and entities.
-- A body is read as JSON without the NUL that a text may hold there, but PostgreSQL's may not.
-- {test} is one of the tests at the end; a field without a value passes none.

-- name: document
replace(f.body, '\u0000', '\ufffd')::jsonb

-- name: fact_kind
('fact' {test})

-- name: fact_about
EXISTS (SELECT 1 FROM jsonb_array_elements_text({document} -> 'entity_ids') AS v (value)
  WHERE v.value {test})

-- name: fact_subject
(f.subject_id IS NOT NULL AND f.subject_id {test})

-- name: fact_object
(f.object_id IS NOT NULL AND f.object_id {test})

-- name: fact_type
(f.type IS NOT NULL AND f.type {test})

-- name: fact_tag
EXISTS (SELECT 1 FROM jsonb_array_elements_text({document} -> 'tags') AS v (value)
  WHERE v.value {test})

-- name: fact_memory_type
(coalesce({document} ->> 'memory_type', '') {test})

-- name: fact_modality
(f.modality {test})

-- name: fact_importance
(coalesce(({document} ->> 'importance')::float8, 0) {test})

-- name: fact_occurred_at
({document} ->> 'stated_at' IS NOT NULL
  AND ({document} ->> 'stated_at') COLLATE "C" {test})

-- name: fact_recorded_at
(f.recorded_at {test})

-- name: fact_valid_at
({document} ->> 'valid_at' IS NOT NULL
  AND ({document} ->> 'valid_at') COLLATE "C" {test})

-- name: fact_invalid_at
({document} ->> 'invalid_at' IS NOT NULL
  AND ({document} ->> 'invalid_at') COLLATE "C" {test})

-- name: fact_begins_at
(f.begins_at IS NOT NULL AND f.begins_at {test})

-- name: fact_ended_at
(f.ends_at IS NOT NULL AND f.ends_at {test})

-- name: fact_speaker
EXISTS (SELECT 1 FROM jsonb_array_elements({document} -> 'sources') AS v (value)
  JOIN turns AS t ON t.id = v.value ->> 'turn_id' WHERE t.speaker {test})

-- name: fact_source
EXISTS (SELECT 1 FROM jsonb_array_elements({document} -> 'sources') AS v (value)
  JOIN episodes AS e ON e.id = v.value ->> 'episode_id' WHERE e.kind {test})

-- name: fact_episode
EXISTS (SELECT 1 FROM jsonb_array_elements({document} -> 'sources') AS v (value)
  WHERE (v.value ->> 'episode_id') {test})

-- name: fact_agent
EXISTS (SELECT 1 FROM jsonb_array_elements({document} -> 'sources') AS v (value)
  WHERE (v.value ->> 'agent_id') {test})

-- name: fact_run
EXISTS (SELECT 1 FROM jsonb_array_elements({document} -> 'sources') AS v (value)
  WHERE (v.value ->> 'run_id') {test})

-- name: fact_metadata
-- Whatever the path leads to: one value, or any of a list.
EXISTS (SELECT 1 FROM jsonb_path_query({document}, {path}::jsonpath, '{}', true) AS found (held),
  LATERAL jsonb_array_elements(CASE jsonb_typeof(found.held) WHEN 'array' THEN found.held
    ELSE jsonb_build_array(found.held) END) AS v (value)
  WHERE {test})

-- name: entity_name
EXISTS (SELECT 1 FROM aliases AS a WHERE a.entity_id = e.id AND a.tenant = e.tenant
  AND a.key NOT LIKE '~%' AND a.key {test})

-- name: entity_kind
(e.kind {test})

-- name: entity_recorded_at
(e.body::jsonb ->> 'recorded_at' IS NOT NULL
  AND (e.body::jsonb ->> 'recorded_at') COLLATE "C" {test})

-- name: in
= ANY({values}::text[])

-- name: in_numbers
= ANY({values}::float8[])

-- name: contains
LIKE {value}::text ESCAPE '\'

-- name: lt
< {value}

-- name: lte
<= {value}

-- name: gt
> {value}

-- name: gte
>= {value}

-- name: exists
IS NOT NULL

-- name: metadata_in
v.value = ANY({all}::text[]::jsonb[])

-- name: metadata_exists
jsonb_typeof(v.value) IN ('string', 'number', 'boolean')

-- name: metadata_order
CASE WHEN jsonb_typeof(v.value) = 'number' THEN (v.value #>> '{}')::numeric {test} ELSE false END
