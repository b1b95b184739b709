/**
 * How many records a caller has spent, in sliding windows of Redis's own time. One hash per caller
 * maps buckets of five minutes to records. A window counts the bucket that it cuts through in full,
 * so a budget is never exceeded in any hour or day, and is restored up to five minutes late. A
 * caller has at most 289 fields, whatever the traffic.
 */

const BUCKET_SECONDS = 300
const HOUR = 3600 / BUCKET_SECONDS
const DAY = 24 * HOUR

/**
 * Lua:
 *
 * - `thisBucket()` → the current bucket.
 * - `waitFor(key, records, perHour, perDay)` → 0 if this many more fit, else the seconds until they
 *   do; -1 if they never fit. A limit that is nil is ignored.
 * - `spend(key, bucket, records)` adds them, or refunds a negative number. A bucket that has
 *   expired refunds nothing.
 * - `heldBy(request)` → bucket and records charged for the request, else nil and 0.
 */
export const BUDGET = `
local function thisBucket() return math.floor(redis.call('TIME')[1] / ${BUCKET_SECONDS}) end
local function bucketsOf(key, now)
  local found, all = {}, redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local bucket = tonumber(all[i])
    if now - bucket <= ${DAY} then found[#found + 1] = { bucket, tonumber(all[i + 1]) } end
  end
  table.sort(found, function(a, b) return a[1] < b[1] end)
  return found
end
local function waitFor(key, records, perHour, perDay)
  if not perHour and not perDay then return 0 end
  local now, seconds, wait = thisBucket(), tonumber(redis.call('TIME')[1]), 0
  local buckets = bucketsOf(key, now)
  for span, limit in pairs({ [${HOUR}] = perHour, [${DAY}] = perDay }) do
    if records > limit then return -1 end
    local over = records - limit
    for _, entry in ipairs(buckets) do
      if now - entry[1] <= span then over = over + entry[2] end
    end
    for _, entry in ipairs(buckets) do
      if over <= 0 then break end
      if now - entry[1] <= span then
        over = over - entry[2]
        wait = math.max(wait, (entry[1] + span + 1) * ${BUCKET_SECONDS} - seconds)
      end
    end
  end
  return wait
end
local function spend(key, bucket, records)
  if records == 0 or (records < 0 and redis.call('HEXISTS', key, bucket) == 0) then return end
  if redis.call('HINCRBY', key, bucket, string.format('%.0f', records)) <= 0 then
    redis.call('HDEL', key, bucket)
  end
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if thisBucket() - tonumber(field) > ${DAY} then redis.call('HDEL', key, field) end
  end
  redis.call('EXPIRE', key, ${(DAY + 2) * BUCKET_SECONDS})
end
local function heldBy(request)
  local bucket, records = string.match(redis.call('HGET', request, 'spent') or '', '^(%d+) (%d+)$')
  return bucket, tonumber(records or 0)
end
`
