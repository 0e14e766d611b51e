DROP INDEX credentials_rotated_from_idx;
ALTER TABLE credentials DROP COLUMN rotated_by_itself;
