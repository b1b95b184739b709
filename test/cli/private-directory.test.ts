import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { privateDirectory } from '../../src/cli/embedded-redis/private-directory.ts'
import { lacking } from '../helpers/file-system.ts'

test('a folder that others may enter is closed to them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-private-'))
  t.after(() => rm(folder, { recursive: true }))
  await chmod(folder, 0o755)
  await privateDirectory(folder, 'Choose another.')
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
})

for (const [what, answer, why] of [
  ['refuses to change modes', 'EPERM', 'EPERM: .*'],
  ['says that it changed a mode and did not', 'done', 'its file system has no permissions'],
] as const) {
  test(`one on a file system that ${what} is refused with the reason`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-private-'))
    t.after(() => rm(folder, { recursive: true }))
    await chmod(folder, 0o755)
    lacking(t, 'chmod', () => answer)
    await assert.rejects(privateDirectory(folder, 'Choose another.'), {
      code: 'EMBEDDED_REDIS_HOME',
      message: new RegExp(
        `${folder} must be a private folder, but other users can access it \\(mode 0755\\), and this cannot be changed: ${why}\\. Choose`,
      ),
    })
  })
}
