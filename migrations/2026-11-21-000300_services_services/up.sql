-- An upstream API: what it is called, the audience its tokens name, the scopes it understands.
CREATE TABLE services (
    id           uuid PRIMARY KEY,
    name         text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    audience     text NOT NULL UNIQUE,
    display_name text NOT NULL,
    created_at   timestamptz NOT NULL
);

CREATE TABLE scopes (
    value      text PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    -- What it lets an app do, as a person reads it on the consent page.
    sentence   text NOT NULL,
    -- A person may untick it and still let the app in.
    optional   boolean NOT NULL DEFAULT false
);
CREATE INDEX scopes_service ON scopes (service_id);
