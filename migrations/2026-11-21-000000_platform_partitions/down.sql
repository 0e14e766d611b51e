DROP FUNCTION make_partitions(date);
DROP TABLE partition_plans;
DROP SCHEMA partitions CASCADE;
