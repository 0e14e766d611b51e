-- One more with every change, so that whoever changes a limit through the API says what they saw.
ALTER TABLE limits ADD COLUMN version bigint NOT NULL DEFAULT 1;
