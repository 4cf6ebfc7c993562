-- migrate:up

-- What was called for a question before its answer stood is tied to the message once there is one.
GRANT UPDATE (message_id) ON model_calls TO chronos_app;

-- Whether models may be paid for study material.
ALTER TABLE model_choices ADD COLUMN studies boolean NOT NULL DEFAULT true;
GRANT UPDATE (studies) ON model_choices TO chronos_app;

-- migrate:down
ALTER TABLE model_choices DROP COLUMN studies;
REVOKE UPDATE (message_id) ON model_calls FROM chronos_app;
