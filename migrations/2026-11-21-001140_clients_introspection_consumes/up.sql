-- Set by an operator only: what this client asks about a call counts without `consume=1`.
ALTER TABLE clients
    ADD COLUMN introspection_consumes boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT clients_consume_what_they_introspect
        CHECK (NOT introspection_consumes OR introspection_audiences <> '{}');
