import { RefusedError } from '../../../src/shared/base/errors.ts'
import type { RefusedRow, ScannedBlock } from '../../../src/worker/plan/block.ts'
import { Distinct } from '../../../src/worker/plan/distinct.ts'
import { type ScanOptions, scan } from '../../../src/worker/plan/scan.ts'

import type { Broken, Modelled } from './model.ts'

export const CONTACT = { name: 'Contact', prefix: '003' }

/** What a scan found, in a form that tests can compare. */
export interface Found {
  ids: string[]
  short: string[]
  refused: RefusedRow[]
}

/** Cuts bytes into chunks of the given sizes, again and again. */
export async function* cut(
  bytes: Uint8Array,
  sizes: readonly number[],
): AsyncGenerator<Uint8Array> {
  for (let at = 0, k = 0; at < bytes.length; k++) {
    const size = sizes[k % sizes.length] ?? 1
    yield bytes.slice(at, at + size)
    at += size
  }
}

export async function scanText(
  text: string | Uint8Array,
  { sizes = [1 << 16], ...options }: Partial<ScanOptions> & { sizes?: readonly number[] } = {},
): Promise<Found> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  return collect(cut(bytes, sizes), options)
}

export async function collect(
  source: AsyncIterable<Uint8Array>,
  options: Partial<ScanOptions> = {},
): Promise<Found> {
  const found: Found = { ids: [], short: [], refused: [] }
  for await (const block of scan(source, { object: CONTACT, ...options })) {
    const ids = spell(block.ids)
    found.ids.push(...ids)
    found.short.push(...ids.filter((_, i) => block.short[i] === 1))
    found.refused.push(...block.refused)
  }
  return found
}

/** What a model can be compared with: what a scan found, or the line on which the CSV broke. */
export async function outcomeOf(
  text: string,
  options: Parameters<typeof scanText>[1],
): Promise<Modelled | Broken> {
  try {
    const { refused, ...found } = await scanText(text, options)
    return { ...found, refused: refused.map(({ detail: _, ...rest }) => rest) }
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== 'BROKEN_CSV') throw error
    return { broken: Number(/^Line (\d+): /.exec(error.message)?.[1]) }
  }
}

/** What is said of the case of these ids, of 15 or 18 characters, read in blocks of this size. */
export async function judge(ids: readonly string[], size: number): Promise<RefusedError | null> {
  using distinct = new Distinct({ maxPlanMemory: 2 ** 29 })
  for (let at = 0; at < ids.length; at += size) distinct.add(blockOf(ids.slice(at, at + size)))
  return distinct.caseDamage(null)
}

/** What is said of the case of the ids of a text. */
export async function judgeText(text: string): Promise<RefusedError | null> {
  using distinct = new Distinct({ maxPlanMemory: 2 ** 29 })
  const source = cut(new TextEncoder().encode(text), [1 << 16])
  for await (const block of scan(source, { object: CONTACT })) distinct.add(block)
  return distinct.caseDamage(null)
}

/** Ids of 15 or 18 characters as a scan hands them over. */
export function blockOf(ids: readonly string[]): ScannedBlock {
  const short = Uint8Array.from(ids, (id) => (id.length === 15 ? 1 : 0))
  return {
    ids: toBytes(ids.map((id) => id.slice(0, 15))),
    count: ids.length,
    short,
    unchecked: short.filter((isShort) => isShort === 1).length,
    refused: [],
    recased: 0,
  }
}

/** Canonical bytes as strings. */
export function spell(ids: Uint8Array): string[] {
  return new TextDecoder().decode(ids).match(/.{15}/gs) ?? []
}

/** Strings of 15 characters as canonical bytes. */
export function toBytes(ids: readonly string[]): Uint8Array {
  return new TextEncoder().encode(ids.join(''))
}
