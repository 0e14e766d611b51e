-- How much of what is too much for whom. Of one name the most specific counts (credential, principal, plan); what stands
-- on a service or one of its routes comes on top. Whom it binds belongs to floors above: plain ids, no foreign keys.
CREATE TABLE limits (
    id            uuid PRIMARY KEY,
    -- At most one of these; with none of them it binds each caller of its service.
    plan_id       text,
    principal_id  uuid,
    credential_id uuid,
    service_id    uuid,
    -- A route of that service.
    route_id      uuid,
    name          text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_-]{0,31}$'),
    kind          text NOT NULL CHECK (kind IN ('sliding', 'calendar', 'bucket', 'concurrent')),
    -- NULL: as much as one likes.
    quota         bigint CHECK (quota BETWEEN 0 AND 1000000000),
    window_s      bigint NOT NULL CHECK (window_s > 0),
    unit          text NOT NULL CHECK (unit IN ('requests', 'cost')),
    -- What becomes of a request while the store that counts does not answer.
    on_error      text NOT NULL CHECK (on_error IN ('local', 'open', 'closed')),
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CHECK (num_nonnulls(plan_id, principal_id, credential_id) <= 1),
    CHECK (num_nonnulls(plan_id, principal_id, credential_id, service_id) >= 1),
    CHECK (route_id IS NULL OR service_id IS NOT NULL),
    UNIQUE NULLS NOT DISTINCT (plan_id, principal_id, credential_id, service_id, route_id, name)
);
CREATE INDEX limits_of_principals ON limits (principal_id) WHERE principal_id IS NOT NULL;
CREATE INDEX limits_of_credentials ON limits (credential_id) WHERE credential_id IS NOT NULL;

-- Those of the built-in plans.
INSERT INTO limits (id, plan_id, name, kind, quota, window_s, unit, on_error, created_at, updated_at)
SELECT id::uuid, plan, name, kind, quota, window_s, 'requests', 'local', now(), now() FROM (VALUES
    ('01992c00-0000-7000-8000-000000000001', 'free', 'minute', 'sliding', 10, 60),
    ('01992c00-0000-7000-8000-000000000002', 'free', 'day', 'calendar', 100, 86400),
    ('01992c00-0000-7000-8000-000000000003', 'pro', 'minute', 'sliding', 60, 60),
    ('01992c00-0000-7000-8000-000000000004', 'pro', 'day', 'calendar', 1000, 86400),
    ('01992c00-0000-7000-8000-000000000005', 'enterprise', 'minute', 'sliding', 600, 60),
    ('01992c00-0000-7000-8000-000000000006', 'partner', 'minute', 'sliding', 60, 60)
) AS built_in (id, plan, name, kind, quota, window_s);
