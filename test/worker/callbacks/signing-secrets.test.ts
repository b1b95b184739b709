import assert from 'node:assert/strict'
import { unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger } from '../../../src/shared/base/logger.ts'
import { openCallbackSecrets } from '../../../src/worker/callbacks/signing.ts'
import { folderOf } from '../../helpers/config.ts'

const [ONE, TWO] = ['1'.repeat(32), '2'.repeat(40)] as const
const of = (secretsFile: string) => ({ name: 'crm', secretsFile })
const silent = createLogger({ level: 'silent' })

test('secrets are the lines of the file, as they are now', async (t) => {
  const path = join(await folderOf(t, { secrets: `${ONE}\n` }), 'secrets')
  const secrets = await openCallbackSecrets(of(path), silent)
  assert.deepEqual(await secrets(), [ONE])
  await writeFile(path, `\n${ONE}\r\n${TWO}\r\n\r\n`)
  assert.deepEqual(await secrets(), [ONE, TWO])
})

test('while the file cannot be used the secrets before it are', async (t) => {
  const path = join(await folderOf(t, { secrets: ONE }), 'secrets')
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const secrets = await openCallbackSecrets(of(path), createLogger({ level: 'info', destination }))
  await writeFile(path, `${TWO}\nhunter2`)
  assert.deepEqual(await secrets(), [ONE])
  await unlink(path)
  assert.deepEqual(await secrets(), [ONE])
  assert.match(lines.join(''), /secret 2 has 7.*ENOENT/s)
  assert.doesNotMatch(lines.join(''), /hunter2|2{16}/)
})

test('a file that cannot be used to begin with is refused, and not quoted', async (t) => {
  const folder = await folderOf(t, {
    empty: '\n\n',
    short: `${ONE}\nhunter2\n`,
    many: Array.from({ length: 6 }, () => ONE).join('\n'),
  })
  for (const [name, says] of [
    ['none', /cannot be read \(ENOENT\)/],
    ['empty', /expected 1 to 5 secrets, one a line, got 0/],
    ['short', /32 characters or more in a line; secret 2 has 7/],
    ['many', /got 6/],
  ] as const) {
    await assert.rejects(openCallbackSecrets(of(join(folder, name)), silent), (error) => {
      assert.ok(error instanceof Error)
      assert.match(error.message, says)
      assert.match(error.message, /^callbacks\.receivers\.crm\.secretsFile/)
      assert.doesNotMatch(error.message, /hunter2|1{16}/)
      return true
    })
  }
})
