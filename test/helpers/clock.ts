import { type Clock, systemClock } from '../../src/shared/clock.ts'

/** Nobody waits long: polls and delays of seconds become 10 ms. Each gets its turn all the same. */
export const hurried: Clock = {
  now: systemClock.now,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 10), signal),
}
