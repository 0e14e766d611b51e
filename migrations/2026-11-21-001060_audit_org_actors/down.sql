-- Only as long as no organization has acted: what is in the log stays there.
ALTER TABLE events DROP CONSTRAINT events_actor_kind_check;
ALTER TABLE events ADD CONSTRAINT events_actor_kind_check
    CHECK (actor_kind IN ('user', 'client', 'operator', 'anonymous'));
