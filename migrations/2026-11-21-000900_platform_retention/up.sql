-- How long after a partition's last day its rows may still be asked for; then it is dropped. At least two days, for
-- nodes whose clocks are not together: what a slow one makes, a fast one must not drop. NULL: a log, which is kept as
-- long as the operator wants (audit.retention_days).
ALTER TABLE partition_plans ADD COLUMN keep interval CHECK (keep >= '2 days');

UPDATE partition_plans SET keep = '2 days'
    WHERE parent IN ('browser_sessions', 'sign_in_failures', 'authorization_codes', 'refresh_tokens', 'access_tokens',
                     'refresh_answers');
-- They carry the day they are opened on, and live for a day at most.
UPDATE partition_plans SET keep = '3 days' WHERE parent = 'interactions';
-- Codes and tokens lean on their family, and an access token may outlive it by a day: it goes well after them.
UPDATE partition_plans SET keep = '30 days' WHERE parent = 'families';
