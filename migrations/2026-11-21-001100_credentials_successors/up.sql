-- A successor that a credential gave itself may be in the hands of whoever found that credential.
ALTER TABLE credentials ADD COLUMN rotated_by_itself boolean NOT NULL DEFAULT false;

-- Who comes after a credential. Few have a successor.
CREATE INDEX credentials_rotated_from_idx ON credentials (rotated_from) WHERE rotated_from IS NOT NULL;
