/**
 * How large a canary is: the first ids of a plan, which go alone. The others follow once they have
 * passed.
 */

/**
 * Plans of so many ids have none: in two of Salesforce's batches they do too little harm for another
 * ingest job, and another batch of the day's 15,000.
 */
export const CANARY_ABOVE = 20_000

const SHARE = 0.01
const SMALLEST = 500

/**
 * 1 % of a plan, 500 ids at least, and at most as many as the org allows.
 *
 * @param most of the org; 0: none
 */
export function canaryOf(accepted: number, most: number): number {
  if (accepted <= CANARY_ABOVE) return 0
  return Math.min(most, Math.max(SMALLEST, Math.ceil(accepted * SHARE)))
}
