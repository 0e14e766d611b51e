-- Long-lived secrets of principals, stored as SHA-256 only.
CREATE TABLE credentials (
    id           uuid PRIMARY KEY,
    principal_id uuid NOT NULL REFERENCES principals (id),
    kind         text NOT NULL CHECK (kind IN ('client_secret')),
    secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    token_prefix varchar(8) NOT NULL,
    last4        char(4) NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    rotated_from uuid REFERENCES credentials (id),
    created_at   timestamptz NOT NULL,
    UNIQUE (principal_id, secret_hash)
);
