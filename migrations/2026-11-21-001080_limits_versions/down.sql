ALTER TABLE limits DROP COLUMN version;
