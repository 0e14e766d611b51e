DROP FUNCTION keep_calls(integer);
DELETE FROM partition_plans WHERE parent IN ('request_log', 'request_batches', 'usage_minutes', 'usage_hours');
DROP VIEW api_audit_log, usage_rollups;
DROP TABLE usage_days, usage_hours, usage_minutes, request_batches, request_log;
DROP FUNCTION refuse_change_of_traffic();
