DELETE FROM partition_plans WHERE parent IN ('browser_sessions', 'interactions', 'sign_in_failures');
DROP TABLE sign_in_failures;
DROP TABLE interactions;
DROP TABLE browser_sessions;
DROP TABLE users;
DROP FUNCTION principal_may_act(uuid);
DROP TABLE principals;
