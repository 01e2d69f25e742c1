-- Who writes, documents, conversations, rules of retention, and turns that are not searched.

-- name: episodes_added
-- `actor` is who wrote it, through which door; `document` the file or page that it was read from,
-- so that a newer version of that takes its place.
ALTER TABLE episodes ADD COLUMN actor {text};
ALTER TABLE episodes ADD COLUMN document {text};
CREATE INDEX episodes_by_run ON episodes (tenant, run_id, n) WHERE run_id IS NOT NULL;
CREATE INDEX episodes_of_documents ON episodes ({hash:scope_key}, {hash:document})
  WHERE document IS NOT NULL;

-- name: conversations
-- What was set of a run: the rest is told by its episodes.
CREATE TABLE conversations (
  tenant {text} NOT NULL,
  run_id {text} NOT NULL,
  title {text},
  closed_at {text},
  metadata {text} NOT NULL,
  PRIMARY KEY (tenant, run_id)
){keyed};

-- name: silences
-- Turns that are not searched since a fact that they state was deleted by hand (`edit_id`), until
-- that was undone.
CREATE TABLE silences (
  turn_id {text} NOT NULL,
  edit_id {text} NOT NULL,
  tenant {text} NOT NULL,
  at {text} NOT NULL,
  until {text},
  PRIMARY KEY (turn_id, edit_id)
){keyed};
CREATE INDEX silences_of_edit ON silences (edit_id);

-- name: events_of_retention
CREATE INDEX events_of_retention ON events (seq) WHERE kind = 'retention';

-- name: facts_archived
ALTER TABLE facts ADD COLUMN archived_at {text};
CREATE INDEX facts_archived ON facts (tenant, id)
  WHERE retired_at IS NULL AND archived_at IS NOT NULL;

-- name: fact_uses
-- How often facts were read: beside the events, so that nothing is decided or projected by it.
CREATE TABLE fact_uses (
  fact_id {text} PRIMARY KEY,
  tenant {text} NOT NULL,
  count bigint NOT NULL,
  last_at {text} NOT NULL
){keyed};
