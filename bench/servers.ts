/**
 * Servers in a process of their own, until their parent disconnects. The parent gets what it needs to
 * use them as the first message.
 *
 *   fork(SERVERS, ['http' | 's3', CSV]); fork(SERVERS, ['bucket'])
 */
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { argv } from 'node:process'
import { bucketPlace, startBucket } from '../test/helpers/bucket-place.ts'
import { listenHere } from '../test/helpers/http-server.ts'
import { startS3 } from '../test/helpers/s3.ts'
import { inReverse } from '../test/helpers/scope.ts'
import type { Scope } from './table.ts'

export const SERVERS = import.meta.filename

const START: Readonly<Record<string, (scope: Scope, csv: string) => Promise<unknown>>> = {
  /** The file under every path; tells the origin. */
  http: async (scope, csv) => {
    const { size } = await stat(csv)
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': size, etag: '"1"' })
      createReadStream(csv, { highWaterMark: 512 * 1024 }).pipe(response)
    })
    return listenHere(scope, server)
  },
  /** The file as the object `ids.csv`; tells the bucket's settings. */
  s3: async (scope, csv) => {
    const s3 = await startS3(scope)
    await s3.createBucket('exports')
    await s3.put('exports', 'ids.csv', await readFile(csv))
    return s3.bucket('exports')
  },
  /** An empty bucket; tells the place for results in it. */
  bucket: async (scope) => bucketPlace(await startBucket(scope), 'bench'),
}

if (import.meta.main) await serveHere(argv[2] ?? '', argv[3] ?? '')

async function serveHere(kind: string, csv: string): Promise<void> {
  const closing = new AsyncDisposableStack()
  process.once('disconnect', () => closing.disposeAsync())
  const scope = inReverse((end) => closing.defer(end))
  process.send?.(await START[kind]?.(scope, csv))
}
