import assert from 'node:assert/strict'
import { chmod, mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { hashOf } from '../../../src/producer/http/key-secret.ts'
import { openKeyRing } from '../../../src/producer/http/keys.ts'
import type { Clock } from '../../../src/shared/base/clock.ts'
import { createLogger } from '../../../src/shared/base/logger.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { folderOf } from '../../helpers/config.ts'

/** A file of these keys; the secret of each is its name and `-secret`. */
const fileOf = (...names: readonly string[]): string =>
  names
    .map((name) => {
      const hash = hashOf(`${name}-secret`)
      return `${name}: { hash: '${hash}', roles: [read], orgs: '*', objects: '*' }\n`
    })
    .join('')

async function setup(t: TestContext, path: string) {
  const lines: {
    level: string
    msg: string
    problem?: string
    added?: string[]
    removed?: string[]
  }[] = []
  const text: string[] = []
  const write = (line: string) => {
    text.push(line)
    lines.push(JSON.parse(line))
  }
  const log = createLogger({ level: 'info', destination: { write } })
  const ring = await openKeyRing(path, log, leapingClock())
  t.after(() => ring.close())
  const until = async (holds: () => boolean) => {
    while (!holds()) await delay(5)
  }
  return {
    ring,
    lines,
    levels: () => lines.map(({ level }) => level),
    told: () => text.join(''),
    knows: (name: string) => ring.find(`${name}-secret`)?.name === name,
    /** Resolves once that many lines of the level were logged. */
    logged: (level: string, count = 1) =>
      until(() => lines.filter((line) => line.level === level).length >= count),
    valid: (...names: readonly string[]) =>
      until(() =>
        ['crm', 'shop', 'ops'].every(
          (name) => (ring.find(`${name}-secret`) !== null) === names.includes(name),
        ),
      ),
  }
}

/** All at once, so that no look sees half of it. */
async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content)
  await rename(`${path}.new`, path)
}

async function keyFile(t: TestContext, ...names: readonly string[]): Promise<string> {
  const path = join(await folderOf(t, { 'keys.yaml': fileOf(...names) }), 'keys.yaml')
  await chmod(path, 0o640)
  return path
}

test('a secret leads to its key, and nothing else does', async (t) => {
  const { ring, levels } = await setup(t, await keyFile(t, 'crm', 'shop'))
  assert.equal(ring.find('crm-secret')?.name, 'crm')
  assert.equal(ring.find('shop-secret')?.name, 'shop')
  for (const wrong of ['', 'crm', 'crm-secret ', hashOf('crm-secret'), 'x'.repeat(10_000)]) {
    assert.equal(ring.find(wrong), null)
  }
  assert.deepEqual(levels(), [])
})

test('while a secret is replaced both lead to the key', async (t) => {
  const yaml = `crm: { hash: ['${hashOf('old')}', '${hashOf('new')}'], roles: [read], orgs: '*', objects: '*' }`
  const { ring } = await setup(t, join(await folderOf(t, { keys: yaml }), 'keys'))
  assert.deepEqual([ring.find('old')?.name, ring.find('new')?.name], ['crm', 'crm'])
})

test('a file that cannot be used to begin with opens no ring', async (t) => {
  const folder = await folderOf(t, { 'keys.yaml': 'crm: {}' })
  const log = createLogger({ level: 'silent' })
  await assert.rejects(openKeyRing(join(folder, 'none.yaml'), log), {
    code: 'BAD_CONFIGURATION',
    message: /none\.yaml: the key file cannot be read \(ENOENT\)/,
  })
  await assert.rejects(openKeyRing(folder, log), /the key file is a directory/)
  await assert.rejects(openKeyRing(join(folder, 'keys.yaml'), log), /crm\.hash in .*: missing/)
})

test('what is written into the file counts', async (t) => {
  const path = await keyFile(t, 'crm')
  const { valid, lines, told } = await setup(t, path)
  await writeFile(path, fileOf('shop', 'ops'))
  await valid('shop', 'ops')
  const taken = lines.find(({ level }) => level === 'info')
  assert.deepEqual([taken?.added, taken?.removed], [['shop', 'ops'], ['crm']])
  assert.doesNotMatch(told(), /\w-secret|sha256:\w/)
})

/** A clock that goes on only step by step; each step resolves once the sleeper has slept again. */
function stepping() {
  const slept: number[] = []
  let wake = () => {}
  let asleep = Promise.withResolvers<void>()
  const clock: Clock = {
    now: () => 0,
    sleep: (ms) => {
      slept.push(ms)
      asleep.resolve()
      return new Promise((resolve) => {
        wake = resolve
      })
    },
  }
  const step = () => {
    asleep = Promise.withResolvers()
    wake()
    return asleep.promise
  }
  return { clock, step, slept }
}

test('a file counts once it stands still for a look, and that within two seconds', async (t) => {
  const path = await keyFile(t, 'crm', 'shop')
  const { clock, step, slept } = stepping()
  const ring = await openKeyRing(path, createLogger({ level: 'silent' }), clock)
  t.after(() => ring.close())
  const knowsShop = () => ring.find('shop-secret') !== null
  await writeFile(path, fileOf('crm'))
  await step()
  assert.ok(knowsShop(), 'half of a file was taken up')
  await writeFile(path, fileOf('crm', 'shop', 'ops'))
  await step()
  await step()
  assert.ok(knowsShop() && ring.find('ops-secret') !== null)
  await writeFile(path, fileOf('crm'))
  await step()
  await step()
  assert.ok(!knowsShop())
  assert.ok(2 * Math.max(...slept) <= 2000)
})

test('a file renamed over it counts, as editors and configuration tools save', async (t) => {
  const path = await keyFile(t, 'crm', 'shop')
  const { valid } = await setup(t, path)
  await replace(path, fileOf('shop'))
  await valid('shop')
  await unlink(path)
  await writeFile(path, fileOf('ops'))
  await valid('ops')
})

test('a link turned to another folder counts, as Kubernetes mounts change', async (t) => {
  const folder = await folderOf(t, {
    'v1/keys.yaml': fileOf('crm'),
    'v2/keys.yaml': fileOf('shop'),
    'v3/keys.yaml': fileOf('ops'),
  })
  const turnTo = async (version: string) => {
    await symlink(version, join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  await turnTo('v1')
  await symlink(join('..data', 'keys.yaml'), join(folder, 'keys.yaml'))
  const { valid } = await setup(t, join(folder, 'keys.yaml'))
  await turnTo('v2')
  await rm(join(folder, 'v1'), { recursive: true })
  await valid('shop')
  await turnTo('v3')
  await valid('ops')
})

test('a broken file changes nothing until it is mended', async (t) => {
  const path = await keyFile(t, 'crm')
  const { valid, logged, lines, knows, told } = await setup(t, path)
  await replace(path, `${fileOf('shop')}ops: { hash: nothing-secret }`)
  await logged('error')
  assert.ok(knows('crm') && !knows('shop'))
  assert.match(lines[0]?.problem ?? '', /ops\.roles in .*: missing/)
  await replace(path, '')
  await logged('error', 2)
  assert.ok(knows('crm'))
  await replace(path, fileOf('shop'))
  await valid('shop')
  assert.doesNotMatch(told(), /\w-secret|sha256:\w/)
})

test('a file that is gone changes nothing until it is back', async (t) => {
  const path = await keyFile(t, 'crm')
  const { valid, logged, lines, knows, levels } = await setup(t, path)
  await unlink(path)
  await logged('error')
  assert.match(lines[0]?.problem ?? '', /ENOENT/)
  await mkdir(path)
  assert.ok(knows('crm'))
  await rm(path, { recursive: true })
  await replace(path, fileOf('crm', 'shop'))
  await valid('crm', 'shop')
  assert.deepEqual(levels().slice(0, 1), ['error'])
})

test('a file that every user may read or write is warned of', async (t) => {
  const path = await keyFile(t, 'crm')
  for (const [mode, says] of [
    [0o644, /may read the key file/],
    [0o642, /may write the key file/],
  ] as const) {
    await chmod(path, mode)
    const { lines } = await setup(t, path)
    assert.deepEqual([lines.length, lines[0]?.level], [1, 'warn'])
    assert.match(lines[0]?.msg ?? '', says)
  }
})

test('a closed ring looks no more', async (t) => {
  const path = await keyFile(t, 'crm')
  const { ring, knows } = await setup(t, path)
  const { valid } = await setup(t, path)
  ring.close()
  await writeFile(path, fileOf('shop'))
  await valid('shop')
  assert.ok(knows('crm'))
})
