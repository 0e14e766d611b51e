DROP FUNCTION tidy_counters, reset_limits, give_back_limits, take_limits, counter_cell, counter_slot, counters_now;
DROP TABLE rate_counters, quota_counters;
