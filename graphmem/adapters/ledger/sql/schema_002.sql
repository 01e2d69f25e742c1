-- Who writes, documents, conversations, rules of retention, turns that are not searched, and who may
-- do what.

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
CREATE INDEX silences_in_tenant ON silences (tenant);

-- name: erasures_of_tenant
CREATE INDEX erasures_of_tenant ON erasures (tenant, id);

-- name: events_of_retention
CREATE INDEX events_of_retention ON events (seq) WHERE kind = 'retention';

-- name: events_of_types
-- Rules of relation types, by whose they are.
CREATE INDEX events_of_types ON events (tenant, seq) WHERE kind = 'type';

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

-- name: summaries
-- What a model worded of facts, or as the title of the run `run_id`: never a source. `made_of` has
-- the facts with their versions, or the episodes: it goes with the first that is erased.
CREATE TABLE summaries (
  tenant {text} NOT NULL,
  id {text} NOT NULL,
  run_id {text},
  title {text},
  made_by {text} NOT NULL,
  made_of {text} NOT NULL,
  body {text},
  PRIMARY KEY (tenant, id)
){keyed};
CREATE INDEX summaries_of_runs ON summaries (tenant, run_id) WHERE run_id IS NOT NULL;

-- name: episodes_summing_up
-- Facts that sum others up go with what they name: see episodes_summing_up in queries.sql.
CREATE INDEX episodes_summing_up ON episodes (tenant)
  WHERE idempotency_key >= 'consolidates ' AND idempotency_key < 'consolidates!';

-- name: access
-- Organisations, their projects, members and keys: see Grant in graphmem/ports/access.py. Of a key
-- the body has a digest, never the key.
CREATE TABLE access (
  kind {text} NOT NULL,
  id {text} NOT NULL,
  organisation {text} NOT NULL,
  about {text},
  body {text} NOT NULL,
  PRIMARY KEY (kind, id, organisation)
){keyed};
CREATE INDEX access_of_organisation ON access (organisation, kind);
CREATE INDEX access_about ON access ({hash:about}, kind) WHERE about IS NOT NULL;

-- name: key_uses
-- What keys were used for, by day and method.
CREATE TABLE key_uses (
  day {text} NOT NULL,
  key_id {text} NOT NULL,
  method {text} NOT NULL,
  organisation {text} NOT NULL,
  calls bigint NOT NULL,
  refused bigint NOT NULL,
  tokens_in bigint NOT NULL,
  tokens_out bigint NOT NULL,
  last_at {text} NOT NULL,
  PRIMARY KEY (day, key_id, method)
){keyed};
CREATE INDEX key_uses_of_organisation ON key_uses (organisation, day);

-- name: audit
-- Who did what; nothing of what was said. `owner` is the pseudonym of a user, or `agent:` and the
-- agent. Rows are added at the end and taken out at the beginning, when they are old; never changed.
CREATE TABLE audit (
  n {row_number},
  at {text} NOT NULL,
  organisation {text} NOT NULL,
  key_id {text} NOT NULL,
  address {text} NOT NULL,
  method {text} NOT NULL,
  changed boolean NOT NULL,
  outcome {text} NOT NULL,
  project_id {text},
  owner {text},
  target {text}
);
CREATE INDEX audit_of_organisation ON audit (organisation, n);

-- name: replies
-- Requests under an Idempotency-Key, and what was answered, which goes when anything of its owner is
-- erased. `name` and `request` are digests. Not copied, and kept for a day.
CREATE TABLE replies (
  key_id {text} NOT NULL,
  name {text} NOT NULL,
  request {text} NOT NULL,
  holder {text} NOT NULL,
  at {text} NOT NULL,
  project_id {text},
  owner {text},
  answer {text},
  PRIMARY KEY (key_id, name)
){keyed};
CREATE INDEX replies_of_project ON replies (project_id);
CREATE INDEX replies_by_time ON replies (at);

-- name: counters
-- Calls counted for all processes that share the ledger: up to when a rate is used up (seconds since
-- 1970), or how many there were. Not copied, and lost with a crash: days begin with key_uses then.
CREATE {unlogged}TABLE counters (
  name {text} PRIMARY KEY,
  value double precision NOT NULL,
  counted boolean NOT NULL
){keyed};
