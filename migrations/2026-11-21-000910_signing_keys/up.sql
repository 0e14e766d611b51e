-- The keys that JWTs are signed with. What each may do at a moment is told by its timestamps alone, so that all nodes
-- agree without talking: it is published from its creation, signs from `signs_from` until `signs_until`, and stays
-- published as long after as anything it signed may live. A revoked one is gone at once.
CREATE TABLE signing_keys (
    -- The thumbprint of its public part (RFC 7638).
    kid         text PRIMARY KEY,
    algorithm   text NOT NULL CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    -- The public part, as it stands in the key set (RFC 7517).
    public_jwk  jsonb NOT NULL,
    -- The private part (PKCS #8), sealed under the master key, which is not in the database.
    private_key bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    signs_from  timestamptz NOT NULL,
    signs_until timestamptz NOT NULL,
    revoked_at  timestamptz,
    CHECK (created_at <= signs_from AND signs_from <= signs_until)
);
