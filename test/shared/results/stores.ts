import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ResultFile } from '../../../src/shared/contract/receipt.ts'
import { openResultsStore } from '../../../src/shared/results/open.ts'
import {
  RESULT_FILES,
  type ResultKind,
  type ResultsPlace,
  type ResultsStore,
} from '../../../src/shared/results/results-store.ts'
import { bucketPlace } from '../../helpers/bucket-place.ts'
import type { S3Server } from '../../helpers/s3.ts'

/** The results stores of every kind, and what lies in them, seen from outside. */

interface Scope {
  after(fn: () => Promise<void>): void
}

export interface Place {
  readonly place: ResultsPlace
  /** Paths below the place, sorted. */
  files(): Promise<readonly string[]>
  /** Null if there is none. */
  read(path: string): Promise<string | null>
  write(path: string, text: string): Promise<void>
  remove(path: string): Promise<void>
  /** Takes the store away; returns what brings it back. */
  lose(): Promise<() => Promise<void>>
}

export async function directory(t: Scope): Promise<Place> {
  const parent = await mkdtemp(join(tmpdir(), 'expunge-results-'))
  t.after(() => rm(parent, { recursive: true, force: true }))
  const path = join(parent, 'results')
  return {
    place: { kind: 'directory', path },
    files: async () => {
      const found = await readdir(path, { recursive: true, withFileTypes: true })
      const files = found.filter((entry) => entry.isFile())
      return files
        .map(({ parentPath, name }) => join(parentPath, name).slice(path.length + 1))
        .sort()
    },
    read: (file) => readFile(join(path, file), 'utf8').catch(() => null),
    write: async (file, text) => {
      await mkdir(dirname(join(path, file)), { recursive: true })
      await writeFile(join(path, file), text)
    },
    remove: (file) => rm(join(path, file)),
    lose: async () => {
      await rename(path, `${path}.away`)
      await mkdir(path)
      return async () => {
        await rm(path, { recursive: true })
        await rename(`${path}.away`, path)
      }
    },
  }
}

let prefixes = 0

/** A prefix of its own in the one bucket of the server. */
export function bucket(s3: S3Server): (t: Scope) => Promise<Place> {
  return async () => {
    const place = bucketPlace(s3, `team/results-${++prefixes}`)
    const { prefix } = place
    const name = place.settings.bucket
    const read = async (path: string) => {
      const bytes = await s3.read(name, prefix + path).catch(() => null)
      return bytes?.toString() ?? null
    }
    return {
      place,
      files: async () => (await s3.keys(name, prefix)).map((key) => key.slice(prefix.length)),
      read,
      write: (path, text) => s3.put(name, prefix + path, text),
      remove: (path) => s3.remove(name, prefix + path),
      lose: async () => {
        const id = await read('.expunge-store')
        assert.ok(id !== null)
        await s3.remove(name, `${prefix}.expunge-store`)
        return () => s3.put(name, `${prefix}.expunge-store`, id)
      },
    }
  }
}

export const request = { org: 'default', id: 'gdpr-1' }

export async function openStore(t: Scope, { place }: Place): Promise<ResultsStore> {
  const store = await openResultsStore(place)
  t.after(() => store.close())
  return store
}

/** A part of one column, as an ingest job would leave it. */
export async function part(
  store: ResultsStore,
  rows: readonly string[],
  kind: ResultKind = 'unprocessed',
): Promise<ResultFile> {
  const writer = store.partWriter(request, kind, '0.1')
  const others = RESULT_FILES[kind].slice(1).map(() => '')
  for (const row of rows) {
    writer.write([row, ...others])
    await writer.drain()
  }
  const file = await writer.commit()
  assert.ok(file)
  return file
}
