-- What an account may use, and what it pays. The limits of a plan are rows elsewhere.
CREATE TABLE plans (
    id          text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9_-]{0,62}$'),
    name        text NOT NULL,
    created_at  timestamptz NOT NULL,
    -- Since when no account may change to it; those that have it keep it.
    disabled_at timestamptz
);
INSERT INTO plans (id, name, created_at) VALUES
    ('free', 'Free', now()), ('pro', 'Pro', now()), ('enterprise', 'Enterprise', now()), ('partner', 'Partner', now());

-- Every principal belongs to an account, which is a principal, too; a client to that of its org or person, everybody
-- else to themselves.
ALTER TABLE principals
    -- What partners call it, who know no UUIDs.
    ADD COLUMN num        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN account_id uuid,
    -- Of an account, and of nobody else.
    ADD COLUMN plan_id    text REFERENCES plans (id),
    ADD COLUMN updated_at timestamptz,
    -- One more with every change: what If-Match compares.
    ADD COLUMN version    bigint NOT NULL DEFAULT 1;
UPDATE principals SET account_id = id, plan_id = 'free', updated_at = created_at;

ALTER TABLE principals
    ALTER COLUMN account_id SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL,
    ADD CONSTRAINT principals_of_account UNIQUE (account_id, id),
    -- Read twice, the account is its own: an account has no account above it.
    ADD CONSTRAINT principals_account FOREIGN KEY (account_id, account_id) REFERENCES principals (account_id, id),
    ADD CONSTRAINT principals_who_is_owned CHECK (kind = 'client' OR account_id = id),
    ADD CONSTRAINT principals_who_pays CHECK ((account_id = id) = (plan_id IS NOT NULL));

-- A node of the version before knows nothing of accounts.
CREATE FUNCTION principal_is_its_own_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.account_id := coalesce(NEW.account_id, NEW.id);
    IF NEW.account_id = NEW.id THEN
        NEW.plan_id := coalesce(NEW.plan_id, 'free');
    END IF;
    NEW.updated_at := coalesce(NEW.updated_at, NEW.created_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER principals_are_accounts BEFORE INSERT ON principals
    FOR EACH ROW EXECUTE FUNCTION principal_is_its_own_account();

CREATE FUNCTION count_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER principals_version BEFORE UPDATE ON principals
    FOR EACH ROW EXECUTE FUNCTION count_version();

CREATE OR REPLACE FUNCTION principal_may_act(principal uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM principals p JOIN principals account ON account.id = p.account_id
        WHERE p.id = principal AND p.disabled_at IS NULL AND account.disabled_at IS NULL);
END
$$;

CREATE TABLE organizations (
    principal_id uuid PRIMARY KEY REFERENCES principals (id),
    -- The name as it is compared: lower case, NFKC, one space between words.
    name_key     text NOT NULL UNIQUE
);

-- Who may do what for an organization.
CREATE TABLE memberships (
    org_id     uuid NOT NULL REFERENCES organizations (principal_id),
    user_id    uuid NOT NULL REFERENCES users (principal_id),
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'viewer')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);
CREATE TRIGGER memberships_version BEFORE UPDATE ON memberships
    FOR EACH ROW EXECUTE FUNCTION count_version();

-- Since when a person may do anything an operator may.
ALTER TABLE users ADD COLUMN administrator_since timestamptz;
