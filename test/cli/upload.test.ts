import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { uploadOf } from '../../src/cli/input.ts'
import { parseRequest } from '../../src/shared/contract/request.ts'
import { id18 } from '../helpers/ids.ts'

const REQUEST = parseRequest({ object: 'Contact', source: { type: 'upload' } }, 0)

test('a file that is written to while it is handed over is refused', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-upload-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'ids.csv')
  const text = `Id\n${id18(1)}\n`
  await writeFile(path, text)
  const read = async (between: () => Promise<void>) => {
    const blocks: Uint8Array[] = []
    for await (const block of uploadOf(REQUEST, { kind: 'file', name: 'ids.csv', path }) ?? []) {
      if (blocks.push(block) === 1) await between()
    }
    return Buffer.concat(blocks).toString()
  }
  assert.equal(await read(async () => {}), text)
  await assert.rejects(
    read(() => appendFile(path, 'x')),
    { code: 'SOURCE_CHANGED', message: /changed while it was read\./ },
  )
})
