ALTER TABLE users DROP COLUMN administrator_since;
DROP TABLE memberships;
DROP TABLE organizations;
CREATE OR REPLACE FUNCTION principal_may_act(principal uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM principals WHERE id = principal AND disabled_at IS NULL);
END
$$;
DROP TRIGGER principals_version ON principals;
DROP FUNCTION count_version();
DROP TRIGGER principals_are_accounts ON principals;
DROP FUNCTION principal_is_its_own_account();
ALTER TABLE principals
    DROP CONSTRAINT principals_who_pays,
    DROP CONSTRAINT principals_who_is_owned,
    DROP CONSTRAINT principals_account,
    DROP CONSTRAINT principals_of_account,
    DROP COLUMN version,
    DROP COLUMN updated_at,
    DROP COLUMN plan_id,
    DROP COLUMN account_id,
    DROP COLUMN num;
DROP TABLE plans;
