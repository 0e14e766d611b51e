DROP INDEX events_client;
DROP INDEX events_target;
CREATE INDEX events_target ON events (target_kind, target_id, occurred_at DESC);
