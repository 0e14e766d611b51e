-- Takes back what was not used, from the cell it was taken from, unless the counter was forgotten since. ARGV: the cell, how
-- much, and since when that was counted.
local used = redis.call('HGET', KEYS[1], ARGV[1])
if used and redis.call('HGET', KEYS[1], 'born') == ARGV[3] then
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', math.max(0, tonumber(used) - tonumber(ARGV[2]))))
end
return 1
