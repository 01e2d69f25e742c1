-- What counts as the same sentence is told apart more finely than before. What was said until now
-- stays together as it was: its key is written down, and none that is made now begins with a space.
UPDATE statements SET text_key = ' ' || text_key,
  body = (body::jsonb || jsonb_build_object('key', ' ' || text_key))::text
WHERE type IS NULL OR subject_id IS NULL;
