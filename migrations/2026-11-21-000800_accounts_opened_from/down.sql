ALTER TABLE browser_sessions DROP COLUMN opened_from;
