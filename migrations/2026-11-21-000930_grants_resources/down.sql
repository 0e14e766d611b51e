ALTER TABLE families DROP COLUMN resources;
