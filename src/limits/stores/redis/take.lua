-- Takes what one call asks of its limits, all of it or nothing. A key is a hash of cells, of one account: on a cluster all
-- of them are on one node. ARGV: whether to take; then of each key its kind, unit, cells before, quota, amount, most to
-- take beyond it, share, whether to warn, the milliseconds it lasts, and what goes back first: cell, amount and birth.
-- `measure.rs` says what that means.
local ASKED = 12
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local takes = ARGV[1] == '1'

-- Lua would write a large number as 1e+15.
local function text(number)
    return string.format('%.0f', number)
end

-- Months since the year 0, from days of the proleptic Gregorian calendar whose years begin in March.
local function month()
    local days = math.floor(now / 86400000000) + 719468
    local era = math.floor(days / 146097)
    local day = days - era * 146097
    local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
    local of_year = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local from_march = math.floor((5 * of_year + 2) / 153)
    return (era * 400 + year) * 12 + from_march + 2
end

local function take_back(key, cell, amount, born)
    local used = redis.call('HGET', key, cell)
    if used and redis.call('HGET', key, 'born') == born then
        redis.call('HSET', key, cell, text(math.max(0, tonumber(used) - amount)))
    end
end

local function read(i)
    local function arg(n) return ARGV[(i - 1) * ASKED + 1 + n] end
    if takes and tonumber(arg(11)) > 0 then take_back(KEYS[i], arg(10), tonumber(arg(11)), arg(12)) end
    local ask = {
        kind = arg(1), unit = tonumber(arg(2)), before = tonumber(arg(3)), quota = tonumber(arg(4)),
        amount = tonumber(arg(5)), at_most = tonumber(arg(6)), share = tonumber(arg(7)), warns = arg(8) == '1',
        lasts = arg(9), born = now, cell = 0, here = 0, used = 0, told = 0, cells = {}, old = {},
    }
    if ask.kind == 'c' then ask.cell = math.floor(now / ask.unit) end
    if ask.kind == 'm' then ask.cell = month() end
    local stored = redis.call('HGETALL', KEYS[i])
    for n = 1, #stored, 2 do
        local cell, value = tonumber(stored[n]), stored[n + 1]
        if stored[n] == 'told' then
            local told_in, percent = string.match(value, '(%d+):(%d+)')
            if tonumber(told_in) == ask.cell then ask.told = tonumber(percent) end
        elseif stored[n] == 'born' then
            ask.born = tonumber(value)
        elseif math.abs(cell - ask.cell) > ask.before then
            table.insert(ask.old, stored[n])
        else
            ask.used = ask.used + tonumber(value)
            if cell == ask.cell then
                ask.here = tonumber(value)
            else
                table.insert(ask.cells, cell)
                table.insert(ask.cells, tonumber(value))
            end
        end
    end
    if ask.kind == 'b' then
        ask.fits = math.max(ask.used, now) - now + ask.amount * ask.unit <= ask.quota * ask.unit
    else
        ask.fits = ask.used + ask.amount <= ask.quota
    end
    return ask
end

local asks, all_fit = {}, true
for i = 1, #KEYS do
    asks[i] = read(i)
    all_fit = all_fit and asks[i].fits
end

local answers = {}
for i, ask in ipairs(asks) do
    local beyond, milestone = 0, 0
    if takes then
        if all_fit then
            if ask.kind == 'b' then
                ask.here = math.max(ask.used, now) + ask.amount * ask.unit
            else
                local left = math.floor((ask.quota - ask.used - ask.amount) / math.max(ask.share, 1))
                beyond = math.max(0, math.min(ask.at_most, left))
                ask.here = ask.here + ask.amount + beyond
                ask.used = ask.used + ask.amount + beyond
            end
            redis.call('HSET', KEYS[i], text(ask.cell), text(ask.here), 'born', text(ask.born))
            for _, cell in ipairs(ask.old) do redis.call('HDEL', KEYS[i], cell) end
        end
        if ask.warns then
            local percent = 0
            if ask.used * 5 >= ask.quota * 4 then percent = 80 end
            if not ask.fits or ask.used >= ask.quota then percent = 100 end
            if percent > ask.told then
                milestone = percent
                redis.call('HSET', KEYS[i], 'told', text(ask.cell) .. ':' .. percent)
            end
        end
        redis.call('PEXPIRE', KEYS[i], ask.lasts)
    end
    local answer = { ask.fits and 1 or 0, beyond, milestone, ask.born, now, ask.cell, ask.here }
    for _, value in ipairs(ask.cells) do table.insert(answer, value) end
    answers[i] = answer
end
return answers
