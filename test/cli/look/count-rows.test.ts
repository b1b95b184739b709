import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { countRows } from '../../../src/cli/look/count-rows.ts'
import { csvField } from '../../../src/shared/results.ts'

test('rows are counted as they were written, whatever stands in them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-rows-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'failed.csv')
  const message = fc.string({ unit: fc.constantFrom('a', '"', '\n', '\r', ',', 'é') })
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
      const rows = messages.map((text) => `003,CODE,${csvField(text)}\n`)
      await writeFile(path, `Id,Code,Message\n${rows.join('')}`)
      assert.equal(await countRows(path), messages.length)
    }),
    { numRuns: 50 },
  )
})
