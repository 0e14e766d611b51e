DELETE FROM partition_plans WHERE parent = 'idempotency_keys';
DROP TABLE idempotency_keys;
