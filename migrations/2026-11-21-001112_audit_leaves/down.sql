DROP FUNCTION make_leaves(date);
