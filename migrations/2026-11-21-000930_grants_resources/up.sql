-- The resources that the authorization request named (RFC 8707 §2); NULL: none, so whatever the scope reaches.
ALTER TABLE families ADD COLUMN resources text[];
