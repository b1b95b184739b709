import { type Clock, systemClock } from '../../shared/base/clock.ts'
import { networkOf } from '../../shared/base/ip-network.ts'

/** Calls without a valid key that one address may make: so many at once, then as many as a minute gives back. */
const PER_MINUTE = 60
const COST_MS = 60_000 / PER_MINUTE

/** Addresses that are remembered; beyond it those are forgotten that failed longest ago. */
const MOST_ADDRESSES = 10_000

/**
 * Counts the calls that bear no valid key, by the address that they come from. A key has 256 bits,
 * and nobody guesses it at any rate: what is limited is how much such calls cost everybody else. So
 * whoever has a valid key is never counted, even where a proxy gives all callers one address.
 *
 * @returns counts a call; the whole seconds after which the address may try again, 0 where it still may
 */
export function createStrangers(clock: Clock = systemClock): (address: string) => number {
  const fullAt = new Map<string, number>()
  return (address) => {
    const network = networkOf(address)
    const now = clock.now()
    const full = Math.max(fullAt.get(network) ?? 0, now)
    const wait = full - now - COST_MS * (PER_MINUTE - 1)
    if (wait > 0) return Math.ceil(wait / 1000)
    // Deleted first, so that the map stays in the order of the last failure.
    fullAt.delete(network)
    fullAt.set(network, full + COST_MS)
    const [oldest] = fullAt.keys()
    if (fullAt.size > MOST_ADDRESSES && oldest !== undefined) fullAt.delete(oldest)
    return 0
  }
}
