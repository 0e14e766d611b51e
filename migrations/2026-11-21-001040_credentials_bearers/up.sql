-- API keys and personal tokens beside client secrets: bearers that anybody may present, so each is one of its kind.
ALTER TABLE credentials
    DROP CONSTRAINT credentials_kind_check,
    ADD CONSTRAINT credentials_kind_check CHECK (kind IN ('client_secret', 'api_key', 'pat')),
    ADD COLUMN name          varchar(100),
    ADD COLUMN environment   text NOT NULL DEFAULT 'live' CHECK (environment IN ('live', 'test')),
    ADD COLUMN scopes        text[],
    ADD COLUMN ip_allow      cidr[] NOT NULL DEFAULT '{}',
    ADD COLUMN imported      boolean NOT NULL DEFAULT false,
    ADD COLUMN created_by    uuid REFERENCES principals (id),
    ADD COLUMN revoke_reason text,
    -- When it got its successor; it lives on until the overlap is over.
    ADD COLUMN rotated_at    timestamptz,
    -- How many days before its end that was told last, and when it was told that it came again after its end.
    ADD COLUMN expiry_told   smallint,
    ADD COLUMN reuse_told_at timestamptz,
    ADD CONSTRAINT credentials_bearer_check
        CHECK (kind = 'client_secret' OR (name IS NOT NULL AND scopes IS NOT NULL));

CREATE UNIQUE INDEX credentials_bearer_key ON credentials (secret_hash) WHERE kind IN ('api_key', 'pat');
CREATE INDEX credentials_owner_idx ON credentials (principal_id, created_at DESC);
CREATE INDEX credentials_prefix_idx ON credentials (token_prefix);
CREATE INDEX credentials_scopes_idx ON credentials USING gin (scopes);
CREATE INDEX credentials_expiry_idx ON credentials (expires_at) WHERE revoked_at IS NULL;

-- When and from where one was last used, and how often. Written in batches, and beside the credential: no request waits
-- for its row.
CREATE TABLE credential_stats (
    credential_id uuid PRIMARY KEY REFERENCES credentials (id),
    last_used_at  timestamptz NOT NULL,
    last_used_ip  inet,
    request_count bigint NOT NULL
) WITH (fillfactor = 70);
