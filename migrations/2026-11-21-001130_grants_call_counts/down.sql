ALTER TABLE grant_usage DROP COLUMN calls;
