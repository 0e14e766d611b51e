-- Takes back what was not used, from the cell it was taken from. ARGV: the cell and how much.
local used = redis.call('HGET', KEYS[1], ARGV[1])
if used then
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', math.max(0, tonumber(used) - tonumber(ARGV[2]))))
end
return 1
