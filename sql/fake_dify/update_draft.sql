-- Replaces the content of a draft.
-- Writes workflows of a made-up Dify. Safe to run twice: it only sets values.
UPDATE workflows
SET graph = :'graph', features = :'features', environment_variables = :'environment',
    conversation_variables = :'conversation', updated_at = now()
WHERE id = :'id'::uuid
RETURNING id
