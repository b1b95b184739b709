import { RefusedError, SourceError } from '../../shared/base/errors.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { RefusedRow, ScannedBlock } from './block.ts'
import { compact, countKept, Distinct } from './distinct.ts'

/**
 * The list of a source's `except` has a row that is not an id. The record that it means would be
 * deleted, so such a row is never skipped.
 */
export class InvalidExceptError extends RefusedError {
  /** @param where the first of them, such as `except, line 7` */
  constructor(count: number, where: string, { value, reason, detail }: RefusedRow) {
    super(
      'INVALID_EXCEPT',
      `${count} ${count === 1 ? 'row' : 'rows'} of a list in "except" ${count === 1 ? 'is not a valid id' : 'are not valid ids'}; ` +
        `the first is ${where}: ${value} (${reason}: ${detail}). Such rows cannot be skipped, because the records that they ` +
        'mean would be deleted. See invalid.csv and correct the list.',
    )
  }
}

interface ExceptTerms {
  /** What the list is called in messages: `except`, `except of source 2`. */
  readonly name: string
  readonly onUnchecked: 'refuse' | 'accept'
  /** Id of the Salesforce org; null while it is unknown. */
  readonly orgId: string | null
  /** Bytes that its ids may take. */
  readonly maxPlanMemory: number
  /** Where a row is, in words. */
  place(row: RefusedRow): string
  /** Called with the rows that are no ids. */
  refuse(rows: readonly RefusedRow[]): Promise<void>
}

/**
 * Reads the ids of an `except` list. Whatever could let it miss a record refuses the request.
 *
 * @throws RefusedError INVALID_EXCEPT, UNCHECKED_IDS, CASE_DAMAGED, PLAN_TOO_SCATTERED
 */
export async function readExcept(
  blocks: AsyncIterable<ScannedBlock>,
  terms: ExceptTerms,
): Promise<Distinct> {
  const except = new Distinct(terms)
  try {
    let [unchecked, refused] = [0, 0]
    let first: RefusedRow | undefined
    for await (const block of blocks) {
      first ??= block.refused[0]
      refused += block.refused.length
      if (block.refused.length > 0) await terms.refuse(block.refused)
      unchecked += except.add(block).unchecked
    }
    const damage = await except.caseDamage(terms.orgId)
    if (damage !== null) throw withName(terms.name, damage)
    if (first !== undefined) throw new InvalidExceptError(refused, terms.place(first), first)
    if (unchecked > 0 && terms.onUnchecked === 'refuse')
      throw withName(terms.name, uncheckedIds(unchecked, except.size))
    return except
  } catch (error) {
    except[Symbol.dispose]()
    throw error
  }
}

function uncheckedIds(unchecked: number, all: number): RefusedError {
  return new RefusedError(
    'UNCHECKED_IDS',
    `${unchecked} of ${all} ids ${unchecked === 1 ? 'has' : 'have'} 15 characters and carry no checksum: if something ` +
      'changed the case of their letters, they do not exclude the records that they mean. ' +
      'Export ids of 18 characters (with the formula CASESAFEID(Id) or a report by API).',
    { remedies: [{ to: 'accept ids without checksum', field: 'onUnchecked', value: 'accept' }] },
  )
}

/** An error about one of several lists, with its name in front. */
export function withName(name: string, error: unknown): unknown {
  const words = (text: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}: ${text}`
  if (name === '') return error
  if (error instanceof SourceError) {
    return new SourceError(error.code, words(error.message), { cause: error })
  }
  if (!(error instanceof RefusedError)) return error
  const { code, problem, remedies } = error
  return new RefusedError(code, words(problem), { remedies, cause: error })
}

/** The rows of a block that are left. */
interface Left {
  readonly block: ScannedBlock
  /** Number of rows that a list excepts. */
  readonly excluded: number
}

/** Removes the ids of these sets from a block, in place. */
export function exclude(block: ScannedBlock, sets: readonly Distinct[]): Left {
  if (sets.length === 0) return { block, excluded: 0 }
  const flags = new Uint8Array(block.count)
  for (const set of sets) set.flagHeld(block.ids, flags)
  const excluded = flags.reduce((sum, flag) => sum + flag, 0)
  if (excluded === 0) return { block, excluded }
  compact(block.ids, flags)
  const count = block.count - excluded
  return {
    excluded,
    block: {
      ...block,
      ids: block.ids.subarray(0, count * ID_LENGTH),
      short: block.short.filter((_, n) => flags[n] === 0),
      count,
      unchecked: countKept(block.short, flags),
    },
  }
}
