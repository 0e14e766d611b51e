DELETE FROM partition_plans WHERE parent = 'events';
DROP TABLE events;
DROP FUNCTION refuse_change_of_events();
