-- How the call that told an episode asked for it to be extracted, for when that is done later.
ALTER TABLE episodes ADD COLUMN extraction text COLLATE "C";
