ALTER TABLE services DROP COLUMN access_token_format;
