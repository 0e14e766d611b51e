-- What a person has allowed one client: one living row per person and client.
CREATE TABLE grants (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES principals (id),
    client_id    uuid NOT NULL REFERENCES principals (id),
    scopes       text[] NOT NULL,
    granted_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    withdrawn_at timestamptz
);
CREATE UNIQUE INDEX grants_living ON grants (user_id, client_id) WHERE withdrawn_at IS NULL;

-- One authorization under a grant: a code and every token that descends from it.
CREATE TABLE families (
    expires_on date NOT NULL,
    id         uuid NOT NULL,
    grant_id   uuid NOT NULL,
    user_id    uuid NOT NULL,
    client_id  uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    -- Why: code_replay, refresh_reuse, revoked, withdrawn, password_changed, ...
    revoked_by text,
    PRIMARY KEY (expires_on, id)
) PARTITION BY RANGE (expires_on);
CREATE INDEX families_user ON families (user_id) WHERE revoked_at IS NULL;

-- The SQL twin of kernel::Standing for a family: the condition under which its codes and tokens may be used.
CREATE FUNCTION family_may_act(day date, family uuid, at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM families f JOIN grants g ON g.id = f.grant_id
        WHERE f.expires_on = day AND f.id = family
          AND f.revoked_at IS NULL AND f.expires_at > at AND g.withdrawn_at IS NULL
          AND principal_may_act(f.user_id) AND principal_may_act(f.client_id));
END
$$;

-- Codes carry the day their family ends, so that a consumed one is remembered as long as the family lives.
CREATE TABLE authorization_codes (
    expires_on        date NOT NULL,
    hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
    family_id         uuid NOT NULL,
    redirect_uri      text NOT NULL,
    -- Whether the authorization request named it: then the token request must repeat it (RFC 6749 §4.1.3).
    redirect_uri_sent boolean NOT NULL,
    code_challenge    text NOT NULL,
    scopes            text[] NOT NULL,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    consumed_at       timestamptz,
    -- The attempt that consumed it, so that after a lost commit nobody takes his own consumption for a replay.
    consumed_by       uuid,
    PRIMARY KEY (expires_on, hash)
) PARTITION BY RANGE (expires_on);

CREATE TABLE access_tokens (
    expires_on        date NOT NULL,
    hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
    id                uuid NOT NULL,
    -- Who it acts for: the person, or the client itself.
    subject_id        uuid NOT NULL,
    client_id         uuid NOT NULL,
    -- NULL for client credentials, which have no family.
    family_expires_on date,
    family_id         uuid,
    scopes            text[] NOT NULL,
    audience          text[] NOT NULL,
    issued_at         timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    revoked_at        timestamptz,
    PRIMARY KEY (expires_on, hash),
    CHECK ((family_id IS NULL) = (family_expires_on IS NULL))
) PARTITION BY RANGE (expires_on);

CREATE TABLE refresh_tokens (
    expires_on  date NOT NULL,
    hash        bytea NOT NULL CHECK (octet_length(hash) = 32),
    family_id   uuid NOT NULL,
    scopes      text[] NOT NULL,
    issued_at   timestamptz NOT NULL,
    consumed_at timestamptz,
    consumed_by uuid,
    -- The refresh token that replaced it.
    successor   bytea,
    -- The one it replaced, whose sealed answer is wiped when this one is used.
    predecessor bytea,
    PRIMARY KEY (expires_on, hash)
) PARTITION BY RANGE (expires_on);

-- The answer to repeat within the grace, sealed under a key that only the old token's holder can derive.
CREATE TABLE refresh_answers (
    -- The day the token was consumed.
    sealed_on  date NOT NULL,
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    -- Same token, other parameters is another request: it gets no answer.
    parameters bytea NOT NULL,
    sealed     bytea,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (sealed_on, hash)
) PARTITION BY RANGE (sealed_on);

INSERT INTO partition_plans VALUES
    ('families', 'month', '13 months'),
    ('authorization_codes', 'month', '13 months'),
    ('refresh_tokens', 'month', '13 months'),
    ('access_tokens', 'day', '8 days'),
    ('refresh_answers', 'day', '2 days');
