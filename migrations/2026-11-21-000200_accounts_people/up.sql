-- Who acts or owns.
CREATE TABLE principals (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('user', 'client', 'org')),
    name        text NOT NULL,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz
);

-- The SQL twin of kernel::Standing for a principal: the condition under which a write may happen.
-- (PL/pgSQL keeps its plan; a function in SQL that cannot be inlined is planned at every call.)
CREATE FUNCTION principal_may_act(principal uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM principals WHERE id = principal AND disabled_at IS NULL);
END
$$;

CREATE TABLE users (
    principal_id        uuid PRIMARY KEY REFERENCES principals (id),
    identifier          text NOT NULL UNIQUE,
    email               text,
    -- The e-mail as it is compared: lower case, NFKC.
    email_key           text UNIQUE,
    password_hash       text,
    password_changed_at timestamptz
);

-- A browser in which somebody signed in. The cookie is a bearer that carries its day of expiry.
CREATE TABLE browser_sessions (
    expires_on       date NOT NULL,
    token_hash       bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    id               uuid NOT NULL,
    user_id          uuid NOT NULL,
    authenticated_at timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    ip               text,
    user_agent       text,
    PRIMARY KEY (expires_on, token_hash)
) PARTITION BY RANGE (expires_on);
CREATE INDEX browser_sessions_user ON browser_sessions (user_id) WHERE ended_at IS NULL;

-- An authorization request that waits for a person. Bound to the browser that opened it.
CREATE TABLE interactions (
    opened_on    date NOT NULL,
    id           uuid NOT NULL,
    browser_hash bytea NOT NULL CHECK (octet_length(browser_hash) = 32),
    -- The request exactly as it came; decided again from here, never from the form.
    request      jsonb NOT NULL,
    -- What the sign-in page shows of the app that asks.
    card         jsonb NOT NULL,
    -- The session whose sign-in was made for this request: what prompt=login asks for.
    signed_in_as uuid,
    opened_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    PRIMARY KEY (opened_on, id)
) PARTITION BY RANGE (opened_on);

-- At sign-in the browser gets a new id, and all that waits in its tabs goes on under it.
CREATE INDEX interactions_by_browser ON interactions (browser_hash);

-- Guessing is counted by account and network, so that a stranger cannot lock the owner out.
-- The account is a hash of what was typed: unknown names count like known ones.
CREATE TABLE sign_in_failures (
    day            date NOT NULL,
    account_hash   bytea NOT NULL CHECK (octet_length(account_hash) = 32),
    network        text NOT NULL,
    failures       integer NOT NULL,
    last_failed_at timestamptz NOT NULL,
    PRIMARY KEY (day, account_hash, network)
) PARTITION BY RANGE (day);

INSERT INTO partition_plans VALUES
    -- Ninety days, from the 31st of January on, reach into a fourth month.
    ('browser_sessions', 'month', '4 months'),
    ('interactions', 'day', '2 days'),
    ('sign_in_failures', 'day', '2 days');
