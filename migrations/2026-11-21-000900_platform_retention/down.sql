ALTER TABLE partition_plans DROP COLUMN keep;
