import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { z } from 'zod'
import { type Packaged, unpackDebianPackage } from '../../src/cli/embedded-redis/debian-package.ts'
import { messageOf } from '../../src/shared/base/errors.ts'
import { readRules } from './rule-files.ts'

/** grafana/alertmanager.yml, as it is and with each receiver that it offers. */

const run = promisify(execFile)
const { alerts } = await readRules()
const text = await readFile(new URL('../../grafana/alertmanager.yml', import.meta.url), 'utf8')
const schema = z.object({
  route: z.object({ receiver: z.string() }),
  receivers: z.array(z.looseObject({ name: z.string() })),
  inhibit_rules: z.array(
    z.object({ source_matchers: z.array(z.string()), target_matchers: z.array(z.string()) }),
  ),
})
const config = schema.parse(parse(text))
const RECEIVERS = ['slack', 'mail', 'webhook']

/** As an operator does it: one block uncommented, and named at the route. */
function chosen(receiver: string): string {
  const block = new RegExp(`^  # - name: ${receiver}\\n(?:  # .*\\n)*`, 'm')
  return text
    .replace(block, (lines) => lines.replaceAll(/^ {2}# /gm, '  '))
    .replace('receiver: nobody', `receiver: ${receiver}`)
}

test('as delivered, nobody is notified', () => {
  assert.equal(config.route.receiver, 'nobody')
  assert.deepEqual(config.receivers, [{ name: 'nobody' }])
})

test('each receiver that is offered can be chosen, and has its secret in a file', () => {
  for (const receiver of RECEIVERS) {
    const { route, receivers } = schema.parse(parse(chosen(receiver)))
    assert.equal(route.receiver, receiver)
    assert.deepEqual(
      receivers.map(({ name }) => name),
      ['nobody', receiver],
    )
    assert.match(JSON.stringify(receivers), /_file":"\/run\/secrets\/alertmanager\/[\w-]+"/)
  }
})

test('alerts that inhibit others, and those, exist', () => {
  const names = alerts.map(({ alert }) => alert)
  const matchers = config.inhibit_rules.flatMap((rule) => [
    ...rule.source_matchers,
    ...rule.target_matchers,
  ])
  const named = matchers.flatMap((matcher) => matcher.match(/Expunge\w+/g) ?? [])
  assert.ok(named.length > 5)
  assert.deepEqual(
    named.filter((name) => !names.includes(name)),
    [],
  )
})

interface Amtool {
  readonly amtool: string
  readonly version: string
}

const DEBIAN_ALERTMANAGER: Packaged<Amtool> = {
  title: 'Alertmanager',
  name: 'alertmanager',
  packages: ['prometheus-alertmanager'],
  alone: true,
  megabytes: 11,
  find: (root) => startable(join(root, 'usr/bin/amtool')),
}

async function startable(amtool: string): Promise<Amtool | { readonly problem: string }> {
  try {
    const { stdout } = await run(amtool, ['--version'], { timeout: 10_000 })
    return { amtool, version: /version (\d\S*)/.exec(stdout)?.[1] ?? 'unknown' }
  } catch (error) {
    return { problem: `amtool does not start: ${messageOf(error).trim()}` }
  }
}

async function findAmtool(): Promise<Amtool | { readonly problem: string }> {
  const onPath = await startable('amtool')
  if (!('problem' in onPath)) return onPath
  const log = (line: string) => console.error(`# ${line}`)
  return unpackDebianPackage(DEBIAN_ALERTMANAGER, { env: process.env, log })
}

test('Alertmanager accepts the configuration, as it is and with each receiver', async (t) => {
  const found = await findAmtool()
  if ('problem' in found) return t.skip(`No Alertmanager: ${found.problem}`)
  const folder = await mkdtemp(join(tmpdir(), 'expunge-alertmanager-'))
  t.after(() => rm(folder, { recursive: true }))
  const variants = [text, ...RECEIVERS.map(chosen)]
  const paths = await Promise.all(
    variants.map(async (variant, at) => {
      const path = join(folder, `${at}.yml`)
      await writeFile(path, variant)
      return path
    }),
  )
  const { stdout } = await run(found.amtool, ['check-config', ...paths])
  assert.equal(stdout.match(/SUCCESS/g)?.length, variants.length, stdout)
})
