DELETE FROM partition_plans
    WHERE parent IN ('families', 'authorization_codes', 'refresh_tokens', 'access_tokens', 'refresh_answers');
DROP TABLE refresh_answers;
DROP TABLE refresh_tokens;
DROP TABLE access_tokens;
DROP TABLE authorization_codes;
DROP FUNCTION family_may_act(date, uuid, timestamptz);
DROP TABLE families;
DROP TABLE grants;
