-- The browser's id before sign-in: a form that a second click sends twice is one sign-in.
ALTER TABLE browser_sessions ADD COLUMN opened_from bytea CHECK (octet_length(opened_from) = 32);
