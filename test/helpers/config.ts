import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { ConfigError } from '../../src/shared/base/errors.ts'
import { loadConfig, type SourcesConfig } from '../../src/shared/config/config.ts'

export type Need = Parameters<typeof loadConfig>[1]

export const NOTHING_NEEDED: Need = { redis: 'optional', salesforce: 'none' }

export const NO_SOURCES: SourcesConfig = {
  ...{ publicUrls: false, maxBytes: 1e9 },
  ...{ origins: new Map(), buckets: new Map(), connections: new Map() },
}

/** A folder with these files in it, gone after the test. */
export async function folderOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-config-'))
  t.after(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

/** What is wrong with these settings, `name: message` each; fails where nothing is. */
export async function problemsOf(
  env: Record<string, string | undefined>,
  need: Need = NOTHING_NEEDED,
): Promise<readonly string[]> {
  try {
    await loadConfig(env, need)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.problems.map(({ setting, message }) => `${setting}: ${message}`)
  }
  return assert.fail('expected a ConfigError')
}
