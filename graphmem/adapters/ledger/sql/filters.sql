-- What a filter asks of a fact (f) or an entity (e), by field: conditions for queries.sql. {test}
-- is one of the tests at the end; a field without a value passes none.

-- name: fact_kind
('fact' {test})

-- name: fact_about
EXISTS (SELECT 1 FROM {texts_at:f|entity_ids} WHERE v.value {test})

-- name: fact_subject
(f.subject_id IS NOT NULL AND f.subject_id {test})

-- name: fact_object
(f.object_id IS NOT NULL AND f.object_id {test})

-- name: fact_type
(f.type IS NOT NULL AND f.type {test})

-- name: fact_tag
EXISTS (SELECT 1 FROM {texts_at:f|tags} WHERE v.value {test})

-- name: fact_memory_type
(coalesce({text_at:f|memory_type}, '') {test})

-- name: fact_modality
(f.modality {test})

-- name: fact_importance
(coalesce({number_at:f|importance}, 0) {test})

-- name: fact_occurred_at
({text_at:f|stated_at} IS NOT NULL AND {text_at:f|stated_at} {test})

-- name: fact_recorded_at
(f.recorded_at {test})

-- name: fact_valid_at
({text_at:f|valid_at} IS NOT NULL AND {text_at:f|valid_at} {test})

-- name: fact_invalid_at
({text_at:f|invalid_at} IS NOT NULL AND {text_at:f|invalid_at} {test})

-- name: fact_begins_at
(f.begins_at IS NOT NULL AND f.begins_at {test})

-- name: fact_ended_at
(f.ends_at IS NOT NULL AND f.ends_at {test})

-- name: fact_speaker
EXISTS (SELECT 1 FROM {objects_at:f|sources} JOIN turns AS t ON t.id = {member:turn_id}
  WHERE t.speaker {test})

-- name: fact_source
EXISTS (SELECT 1 FROM {objects_at:f|sources} JOIN episodes AS e ON e.id = {member:episode_id}
  WHERE e.kind {test})

-- name: fact_episode
EXISTS (SELECT 1 FROM {objects_at:f|sources} WHERE {member:episode_id} {test})

-- name: fact_agent
EXISTS (SELECT 1 FROM {objects_at:f|sources} WHERE {member:agent_id} {test})

-- name: fact_run
EXISTS (SELECT 1 FROM {objects_at:f|sources} WHERE {member:run_id} {test})

-- name: fact_metadata [sqlite]
-- Whatever the path leads to: one value, or any of a list.
EXISTS (SELECT 1 FROM json_each(f.body, {path}) AS v
  WHERE json_type(f.body, {path}) <> 'object' AND {test})

-- name: fact_metadata [postgres]
EXISTS (SELECT 1 FROM jsonb_path_query({document:f}, {path}::jsonpath, '{{}}', true) AS found (one),
  LATERAL jsonb_array_elements(CASE jsonb_typeof(found.one) WHEN 'array' THEN found.one
    ELSE jsonb_build_array(found.one) END) AS v (value)
  WHERE {test})

-- name: entity_name
EXISTS (SELECT 1 FROM aliases AS a WHERE a.entity_id = e.id AND a.tenant = e.tenant
  AND a.key NOT LIKE '~%' AND a.key {test})

-- name: entity_kind
(e.kind {test})

-- name: entity_recorded_at
({text_at:e|recorded_at} IS NOT NULL AND {text_at:e|recorded_at} {test})

-- name: in
= ANY({values})

-- name: in_numbers [sqlite]
= ANY({values})

-- name: in_numbers [postgres]
= ANY({values}::float8[])

-- name: contains
LIKE CAST({value} AS text) ESCAPE '\'

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

-- name: metadata_in [sqlite]
((v.type = 'text' AND v.value = ANY({texts}))
  OR (v.type IN ('integer', 'real') AND v.value = ANY({numbers}))
  OR v.type = ANY({truths}))

-- name: metadata_in [postgres]
v.value = ANY({all}::text[]::jsonb[])

-- name: metadata_exists [sqlite]
v.type IN ('text', 'integer', 'real', 'true', 'false')

-- name: metadata_exists [postgres]
jsonb_typeof(v.value) IN ('string', 'number', 'boolean')

-- name: metadata_order [sqlite]
(v.type IN ('integer', 'real') AND v.value {test})

-- name: metadata_order [postgres]
CASE WHEN jsonb_typeof(v.value) = 'number' THEN (v.value #>> '{{}}')::numeric {test} ELSE false END
