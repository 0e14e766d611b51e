-- The append-only log of what people and operators did. Written in the transaction of the act itself.
CREATE TABLE events (
    occurred_at timestamptz NOT NULL,
    id          uuid NOT NULL,
    -- `object.verb`, see src/audit/event.rs for the catalogue.
    kind        text NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('success', 'failure', 'denied')),
    -- Who did it: a principal, or `operator` at the command line, or `anonymous`.
    actor_kind  text NOT NULL CHECK (actor_kind IN ('user', 'client', 'operator', 'anonymous')),
    actor_id    uuid,
    -- To what.
    target_kind text,
    target_id   text,
    client_id   uuid,
    request_id  text,
    ip          text,
    user_agent  text,
    data        jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);

CREATE INDEX events_kind ON events (kind, occurred_at DESC);
CREATE INDEX events_actor ON events (actor_id, occurred_at DESC);
CREATE INDEX events_target ON events (target_kind, target_id, occurred_at DESC);

-- Append-only: nobody edits or deletes what was done.
CREATE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only';
END
$$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_events();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_events();

INSERT INTO partition_plans VALUES ('events', 'month', '3 months');
