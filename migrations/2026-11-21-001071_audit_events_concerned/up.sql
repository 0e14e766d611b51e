-- Whoever may see what concerns them is shown events by three columns: who did it, to what, and through which client. Each
-- has its index now, so that a tenant with few events does not have the whole log read. An id is of one kind of thing, so
-- the kind is no part of the key.
DROP INDEX events_target;
CREATE INDEX events_target ON events (target_id, occurred_at DESC);
CREATE INDEX events_client ON events (client_id, occurred_at DESC) WHERE client_id IS NOT NULL;
