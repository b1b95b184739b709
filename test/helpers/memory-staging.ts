import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Staging } from '../../src/shared/store/staging/staging.ts'

interface Place {
  readonly request: string
  readonly lot: string
}

interface MemoryStaging {
  readonly staging: Staging
  /** Fills it with ids of 15 characters. */
  put(lot: Place, chunk: number, text: string): void
}

/** Staging in memory. */
export function memoryStaging(): MemoryStaging {
  const lists = new Map<string, Uint8Array[]>()
  const listOf = ({ request, lot }: Place, chunk: number): Uint8Array[] => {
    const key = `${request}:${lot}:${chunk}`
    const list = lists.get(key) ?? []
    lists.set(key, list)
    return list
  }
  const staging: Staging = {
    write: (lot, chunk) => {
      const list = listOf(lot, chunk)
      assert.equal(list.length, 0, 'a list is written once')
      const hash = createHash('sha256')
      let length = 0
      return {
        write: async (bytes) => {
          hash.update(bytes)
          length += bytes.length
          list.push(bytes.slice())
        },
        end: async () => ({ bytes: length, sha256: hash.digest('hex') }),
      }
    },
    read: async function* (lot, chunk) {
      yield* listOf(lot, chunk)
    },
    ends: async () => null,
    drop: unused,
    lots: unused,
    lotsPage: unused,
  }
  const put = (lot: Place, chunk: number, text: string) => {
    for (let at = 0; at < text.length; at += 150)
      listOf(lot, chunk).push(Buffer.from(text.slice(at, at + 150)))
  }
  return { staging, put }
}

function unused(): never {
  throw new Error('not to be called')
}
