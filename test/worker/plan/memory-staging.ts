import { createHash } from 'node:crypto'
import type { Staging } from '../../../src/shared/store/staging/staging.ts'

/** Staging in memory: what was written is what is read. */
export function memoryStaging(): { staging: Staging; lists: Uint8Array[][] } {
  const lists: Uint8Array[][] = []
  const staging: Staging = {
    write: (_lot, chunk) => {
      const hash = createHash('sha256')
      const blocks: Uint8Array[] = []
      lists[chunk] = blocks
      return {
        write: async (bytes) => {
          hash.update(bytes)
          blocks.push(bytes.slice())
        },
        end: async () => ({
          bytes: blocks.reduce((sum, { length }) => sum + length, 0),
          sha256: hash.digest('hex'),
        }),
      }
    },
    read: async function* (_lot, chunk) {
      yield* lists[chunk] ?? []
    },
    ends: async () => null,
    drop: async () => {},
    lots: async () => [],
    lotsPage: async () => ({ entries: [], next: null }),
  }
  return { staging, lists }
}
