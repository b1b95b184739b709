import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

export const SF_ORG_ID = '00D5f000004XZjpEAG'
export const SF_TOKEN = '00D5f000004XZjp!AQEAQ.recorded_Form.of.a.token'
/** What `sf org display` prints in place of the token since May 2026. */
export const SF_HIDDEN = "[REDACTED] Use 'sf org auth show-access-token' to view"

/** The answer of `sf org display --json`. */
export function sfDisplay(result: Readonly<Record<string, unknown>> = {}): string {
  const org = {
    ...{ id: SF_ORG_ID, apiVersion: '66.0', accessToken: SF_HIDDEN },
    ...{ instanceUrl: 'https://acme.my.salesforce.com', username: 'me@acme.example' },
    ...{ clientId: 'PlatformCLI', alias: 'prod' },
  }
  const warnings = ['Sensitive values are hidden. See `sf org auth`.']
  return JSON.stringify({ status: 0, result: { ...org, ...result }, warnings }, null, 2)
}

/** The answer of `sf org auth show-access-token --json`. */
export function sfToken(accessToken = SF_TOKEN): string {
  const warnings = ['This command exposes sensitive information.']
  return JSON.stringify({ status: 0, result: { accessToken }, warnings })
}

interface Answers {
  readonly display: string
  /** Of show-access-token; an older sf does not know that command. */
  readonly token?: string
  /** Of `sf org list auth`. */
  readonly list?: readonly Readonly<Record<string, string>>[]
  readonly code?: number
  readonly hangs?: true
}

/** An `sf` on the PATH with these answers, which may be changed in its folder. */
export async function fakeSf(
  t: TestContext,
  { display, token, list = [], code = 0, hangs }: Answers,
) {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-sf-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const answer = async (name: 'display' | 'token' | 'list', text: string) =>
    writeFile(join(folder, `${name}.json`), text)
  await answer('display', display)
  await answer('token', token ?? 'Error: org auth show-access-token is not a sf command.')
  const result = list.map((org) => ({ orgId: SF_ORG_ID, accessToken: SF_HIDDEN, ...org }))
  await answer('list', JSON.stringify({ status: 0, result, warnings: [] }))
  const script = [
    '#!/bin/sh',
    `echo "$@" >> '${folder}/calls'`,
    `env > '${folder}/env'`,
    `echo $$ > '${folder}/pid'`,
    ...(hangs ? ['exec sleep 600'] : []),
    `case "$2" in auth) answer=token ;; list) answer=list ;; *) answer=display ;; esac`,
    `cat '${folder}/'$answer.json`,
    `exit ${code}`,
  ]
  const path = join(folder, 'sf')
  await writeFile(path, script.join('\n'))
  await chmod(path, 0o700)
  return {
    folder,
    answer,
    env: { PATH: `${folder}${delimiter}${process.env['PATH']}` },
    /** Its command lines so far. */
    calls: async () => (await readFile(join(folder, 'calls'), 'utf8')).trimEnd().split('\n'),
  }
}
