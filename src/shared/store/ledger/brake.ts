/**
 * The brake: detects that a request goes wrong. It is written in Lua, so that verdicts are counted
 * and judged in one step.
 *
 * The share of bad rows exceeds `maxFailureRatio` beyond chance if it is higher and
 *
 * rows × KL(share ‖ ratio) > ln((rows + 1) / FALSE_ALARM), where
 *
 * KL(p ‖ q) = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)).
 *
 * A request whose rows fail independently, with the ratio as their probability, is stopped with
 * probability FALSE_ALARM at most, however often it is checked: exp(rows × KL) / (rows + 1) is at
 * most the likelihood ratio of the rows averaged over all shares, which is a martingale, and
 * Ville's inequality bounds the probability that it ever exceeds 1 / FALSE_ALARM. Failures that
 * come in runs, such as those of one parent's children, reach the limit sooner.
 *
 * At a ratio of 0.5 it takes 25 bad rows of 25, 53.4 % of 10,000 or 50.2 % of 5 million; at 0.1
 * seven of seven or 12.1 % of 10,000; at 0 one.
 */
export const FALSE_ALARM = 1e-6

/** Counters that the verdicts refuted count again at this many times the rows. */
const HEARD_AGAIN = 10

/**
 * Lua: `ratioOf(json)` is the ratio of a stored request, 1 if it is never to be stopped.
 * `above(bad, rows, ratio)` tests whether the ratio is exceeded, and `beyond(bad, rows, ratio)`
 * whether it is exceeded beyond chance.
 */
export const RATIO = `
local function ratioOf(json)
  local ratio = cjson.decode(json).maxFailureRatio
  return type(ratio) == 'number' and ratio or 1
end
local function above(bad, rows, ratio)
  -- A ratio of 0.29 of 100 rows is 28.999999999999996.
  return bad - ratio * rows > 1e-9 * rows
end
local function beyond(bad, rows, ratio)
  bad = math.min(bad, rows)
  if not above(bad, rows, ratio) then return false end
  if ratio == 0 then return true end
  local share = bad / rows
  local distance = share * math.log(share / ratio)
  if share < 1 then distance = distance + (1 - share) * math.log((1 - share) / (1 - ratio)) end
  return rows * distance > math.log((rows + 1) / ${FALSE_ALARM})
end
`

/**
 * Lua: `judge(request, open, cancel)`, to be called once verdicts were added to the record's fields
 * `bad` and `judged`. Pulls the brake, or releases what the canary holds back; returns `pulled`,
 * `passed` or nil.
 *
 * The field `canary` holds the number of ids that are sent first, and 0 once they passed. While it
 * is above 0, all verdicts are theirs. The canary fails as soon as more of them are bad than the
 * ratio allows, whatever the rest may give, and passes once that is no longer possible.
 */
export const JUDGE = `
local function judge(request, open, cancel)
  local fields = redis.call('HMGET', request, 'request', 'bad', 'judged', 'canary')
  local ratio = ratioOf(fields[1])
  local bad, judged, canary = tonumber(fields[2] or 0), tonumber(fields[3] or 0), tonumber(fields[4] or 0)
  local by, rows
  if canary > 0 and above(bad, canary, ratio) then by, rows = 'canary', canary
  elseif redis.call('HLEN', open) > 0 and beyond(bad, judged, ratio) then by, rows = 'ratio', judged end
  if by then
    if redis.call('SET', cancel, 'brake', 'NX') then
      redis.call('HSET', request, 'brake', cjson.encode({ by = by, bad = bad, rows = rows }))
    end
    return 'pulled'
  end
  if canary == 0 or above(bad + canary - judged, canary, ratio) then return nil end
  redis.call('HSET', request, 'canary', 0)
  return 'passed'
end
`

/**
 * Lua: `word(request, processed, failed)` returns whether the counters of an ingest job indicate
 * that its request goes wrong, and over how many rows. `suspect(request, order, processed, failed)`
 * returns whether the job is to be aborted for that reason.
 *
 * The counters do not distinguish failures from records that were already gone or rows that will be
 * retried. Only the result files do, and they can be read only after the job has ended (Bulk API
 * 2.0, Get Job Failed Record Results). So the counters raise a suspicion, and the verdicts decide:
 * either they pull the brake, or unprocessed rows are sent again. Counters that the verdicts
 * refuted count again at ten times the rows. So a list of 5 million that is run a second time, with
 * all records gone, is aborted twice after its canary. Only one job of a request is under suspicion
 * at a time.
 */
export const SUSPECT = `
local function word(request, processed, failed)
  local fields = redis.call('HMGET', request, 'request', 'bad', 'judged')
  if not fields[1] then return false, 0 end
  local ratio, rows = ratioOf(fields[1]), tonumber(fields[3] or 0) + processed
  local bad = tonumber(fields[2] or 0) + failed
  return above(failed, processed, ratio) and beyond(bad, rows, ratio), rows
end
local function suspect(request, order, processed, failed)
  local suspected = redis.call('HGET', request, 'suspect')
  if suspected then return suspected == order end
  local isBad, rows = word(request, processed, failed)
  local refuted = tonumber(redis.call('HGET', request, 'refuted') or 0)
  if not isBad or rows < ${HEARD_AGAIN} * refuted then return false end
  redis.call('HSET', request, 'suspect', order)
  return true
end
`
