-- Since when nobody may call it; whether every account may, or those to which it was granted.
ALTER TABLE services
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN is_open     boolean NOT NULL DEFAULT false;

-- What a part of a service asks for, where that is not what the method says.
CREATE TABLE service_routes (
    id              uuid PRIMARY KEY,
    service_id      uuid NOT NULL REFERENCES services (id),
    -- The first that fits counts.
    position        integer NOT NULL,
    -- Empty: every method.
    methods         text[] NOT NULL,
    path_pattern    text NOT NULL,
    -- NULL: as the method says. Empty: any bearer that may call the service.
    required_scopes text[],
    -- What a call costs, of limits that count costs.
    cost_units      bigint NOT NULL DEFAULT 1 CHECK (cost_units >= 0),
    created_at      timestamptz NOT NULL,
    UNIQUE (service_id, position)
);

-- Which principals may call which services, with keys and tokens of their own.
CREATE TABLE service_grants (
    principal_id uuid NOT NULL REFERENCES principals (id),
    service_id   uuid NOT NULL REFERENCES services (id),
    granted_at   timestamptz NOT NULL,
    PRIMARY KEY (principal_id, service_id)
);
CREATE INDEX service_grants_service ON service_grants (service_id);
