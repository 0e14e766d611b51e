-- An organization acts, too: by its API keys, through the management API.
ALTER TABLE events DROP CONSTRAINT events_actor_kind_check;
ALTER TABLE events ADD CONSTRAINT events_actor_kind_check
    CHECK (actor_kind IN ('user', 'client', 'org', 'operator', 'anonymous'));
