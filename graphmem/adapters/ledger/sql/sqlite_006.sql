-- What counts as the same sentence is told apart more finely than before. What was said until now
-- stays together as it was: its key is written down, and none that is made now begins with a space.
UPDATE statements SET text_key = ' ' || text_key, body = json_set(body, '$.key', ' ' || text_key)
WHERE type IS NULL OR subject_id IS NULL;
