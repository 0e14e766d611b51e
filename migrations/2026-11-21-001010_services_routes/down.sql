DROP TABLE service_grants;
DROP TABLE service_routes;
ALTER TABLE services DROP COLUMN is_open, DROP COLUMN disabled_at;
