-- How many calls an app made with what a person allowed it, as far as it was asked whether they may be made.
ALTER TABLE grant_usage ADD COLUMN calls bigint NOT NULL DEFAULT 0;
