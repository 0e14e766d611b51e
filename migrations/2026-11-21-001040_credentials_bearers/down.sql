DROP TABLE credential_stats;
DELETE FROM credentials WHERE kind <> 'client_secret';
DROP INDEX credentials_bearer_key, credentials_owner_idx, credentials_prefix_idx, credentials_scopes_idx,
    credentials_expiry_idx;
ALTER TABLE credentials
    DROP CONSTRAINT credentials_bearer_check,
    DROP COLUMN name,
    DROP COLUMN environment,
    DROP COLUMN scopes,
    DROP COLUMN ip_allow,
    DROP COLUMN imported,
    DROP COLUMN created_by,
    DROP COLUMN revoke_reason,
    DROP COLUMN rotated_at,
    DROP COLUMN expiry_told,
    DROP COLUMN reuse_told_at,
    DROP CONSTRAINT credentials_kind_check,
    ADD CONSTRAINT credentials_kind_check CHECK (kind IN ('client_secret'));
