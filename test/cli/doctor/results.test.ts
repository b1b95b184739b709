import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkResults } from '../../../src/cli/doctor/results.ts'
import { openDirectory } from '../../../src/shared/results/directory/store.ts'

test('a results directory whose file system keeps no modes is told', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'expunge-results-'))
  t.after(() => rm(path, { recursive: true }))
  await openDirectory(path)
  const config = { redis: null, results: { kind: 'directory', path } as const }
  assert.equal((await checkResults(config, [])).verdict, 'ok')
  await chmod(join(path, '.expunge-store'), 0o777)
  const { verdict, found } = await checkResults(config, [])
  assert.equal(verdict, 'warn')
  assert.match(found, /others may read the files there: \.expunge-store has mode 0777/)
})
