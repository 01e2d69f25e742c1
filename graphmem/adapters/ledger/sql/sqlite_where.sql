-- What a filter asks of one thing, by field: pieces of the statements of facts and entities.
-- {test} is one of the tests at the end; a field without a value passes none.

-- name: fact_kind
('fact' {test})

-- name: fact_about
EXISTS (SELECT 1 FROM json_each(f.body, '$.entity_ids') AS v WHERE v.value {test})

-- name: fact_subject
(f.subject_id IS NOT NULL AND f.subject_id {test})

-- name: fact_object
(f.object_id IS NOT NULL AND f.object_id {test})

-- name: fact_type
(f.type IS NOT NULL AND f.type {test})

-- name: fact_tag
EXISTS (SELECT 1 FROM json_each(f.body, '$.tags') AS v WHERE v.value {test})

-- name: fact_memory_type
(coalesce(json_extract(f.body, '$.memory_type'), '') {test})

-- name: fact_modality
(f.modality {test})

-- name: fact_importance
(coalesce(json_extract(f.body, '$.importance'), 0) {test})

-- name: fact_occurred_at
(json_extract(f.body, '$.stated_at') IS NOT NULL AND json_extract(f.body, '$.stated_at') {test})

-- name: fact_recorded_at
(f.recorded_at {test})

-- name: fact_valid_at
(json_extract(f.body, '$.valid_at') IS NOT NULL AND json_extract(f.body, '$.valid_at') {test})

-- name: fact_invalid_at
(json_extract(f.body, '$.invalid_at') IS NOT NULL AND json_extract(f.body, '$.invalid_at') {test})

-- name: fact_begins_at
(f.begins_at IS NOT NULL AND f.begins_at {test})

-- name: fact_ended_at
(f.ends_at IS NOT NULL AND f.ends_at {test})

-- name: fact_speaker
EXISTS (SELECT 1 FROM json_each(f.body, '$.sources') AS v
  JOIN turns AS t ON t.id = json_extract(v.value, '$.turn_id') WHERE t.speaker {test})

-- name: fact_source
EXISTS (SELECT 1 FROM json_each(f.body, '$.sources') AS v
  JOIN episodes AS e ON e.id = json_extract(v.value, '$.episode_id') WHERE e.kind {test})

-- name: fact_episode
EXISTS (SELECT 1 FROM json_each(f.body, '$.sources') AS v
  WHERE json_extract(v.value, '$.episode_id') {test})

-- name: fact_agent
EXISTS (SELECT 1 FROM json_each(f.body, '$.sources') AS v
  WHERE json_extract(v.value, '$.agent_id') {test})

-- name: fact_run
EXISTS (SELECT 1 FROM json_each(f.body, '$.sources') AS v
  WHERE json_extract(v.value, '$.run_id') {test})

-- name: fact_metadata
-- Whatever the path leads to: one value, or any of a list.
EXISTS (SELECT 1 FROM json_each(f.body, {path}) AS v
  WHERE json_type(f.body, {path}) <> 'object' AND {test})

-- name: entity_name
EXISTS (SELECT 1 FROM aliases AS a WHERE a.entity_id = e.id AND a.tenant = e.tenant
  AND a.key NOT LIKE '~%' AND a.key {test})

-- name: entity_kind
(e.kind {test})

-- name: entity_recorded_at
(json_extract(e.body, '$.recorded_at') IS NOT NULL AND json_extract(e.body, '$.recorded_at') {test})

-- name: in
IN (SELECT value FROM json_each({values}))

-- name: in_numbers
IN (SELECT value FROM json_each({values}))

-- name: contains
LIKE {value} ESCAPE '\'

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
((v.type = 'text' AND v.value IN (SELECT value FROM json_each({texts})))
  OR (v.type IN ('integer', 'real') AND v.value IN (SELECT value FROM json_each({numbers})))
  OR v.type IN (SELECT value FROM json_each({truths})))

-- name: metadata_exists
v.type IN ('text', 'integer', 'real', 'true', 'false')

-- name: metadata_order
(v.type IN ('integer', 'real') AND v.value {test})
