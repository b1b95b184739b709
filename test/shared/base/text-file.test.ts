import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeText, NotTextError, readSecretFile } from '../../../src/shared/base/text-file.ts'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16()

/** One secret as editors, shells and secret stores leave it in a file. */
const FORMS: Readonly<Record<string, Buffer>> = {
  plain: Buffer.from('s3cr€t'),
  newline: Buffer.from('s3cr€t\n'),
  crlf: Buffer.from('s3cr€t\r\n\r\n'),
  blanks: Buffer.from('s3cr€t \t\n'),
  bom: Buffer.from('\uFEFFs3cr€t\r\n'),
  'two boms': Buffer.from('\uFEFF\uFEFFs3cr€t'),
  'UTF-16LE': Buffer.from('\uFEFFs3cr€t\r\n', 'utf16le'),
  'UTF-16BE': utf16be('\uFEFFs3cr€t\r\n'),
}

/** What is no text, and how that is said. */
const REFUSED: readonly [what: string, content: Buffer, said: RegExp][] = [
  ['UTF-16 without a mark', Buffer.from('s3cret\n', 'utf16le'), /holds a NUL character/],
  ['UTF-32', Buffer.from('fffe0000730000003300000063000000', 'hex'), /is UTF-32/],
  ['binary', Buffer.from([0x30, 0x82, 0, 1]), /is not valid UTF-8/],
  ['Latin-1', Buffer.from('s3cr\xe9t', 'latin1'), /is not valid UTF-8/],
  ['half a character', Buffer.from([0xff, 0xfe, 0x73]), /is not valid UTF-16LE/],
  ['NUL at the end', Buffer.from('s3cret\0'), /holds a NUL character/],
]

test('a secret is the same however its file was written', async (t) => {
  const folder = await folderOf(t, {})
  for (const [form, content] of Object.entries(FORMS)) {
    await writeFile(join(folder, form), content)
    assert.equal(await readSecretFile(join(folder, form)), 's3cr€t', form)
  }
})

test('what is no text is refused by its name, and not shown', () => {
  for (const [what, content, said] of REFUSED) {
    assert.throws(
      () => decodeText(content),
      (error) => {
        assert.ok(error instanceof NotTextError, what)
        assert.match(error.message, said, what)
        assert.doesNotMatch(error.message, /s3cr/)
        return true
      },
    )
  }
})

test('every secret and the settings themselves are read so', async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const folder = await folderOf(t, {})
  const at = (name: string) => join(folder, name)
  const yaml = 'redis: { urlFile: redis }\r\nobjects: { Account: { prefix: 001 } }\r\n'
  await writeFile(at('expunge.yaml'), Buffer.from(`\uFEFF${yaml}`, 'utf16le'))
  await writeFile(at('redis'), utf16be('\uFEFFredis://redis/3\r\n'))
  await writeFile(at('key.pem'), Buffer.from(`\uFEFF${pem.replaceAll('\n', '\r\n')}`, 'utf16le'))
  const config = await loadConfig(
    {
      EXPUNGE_CONFIG: at('expunge.yaml'),
      SALESFORCE_LOGIN_URL: 'https://acme.my.salesforce.com',
      SALESFORCE_CLIENT_ID: 'id',
      SALESFORCE_USERNAME: 'ada@example.com',
      SALESFORCE_JWT_KEY_FILE: at('key.pem'),
    },
    { redis: 'required', salesforce: 'required' },
  )
  assert.deepEqual(config.redis, { kind: 'url', url: 'redis://redis/3' })
  assert.equal(config.objects.get('Account')?.prefix, '001')
  assert.equal(config.orgs.get('default')?.credentials?.kind, 'jwt')
})

test('a secret in a variable is without its last newline, as a Kubernetes secret may have one', async () => {
  const { redis } = await loadConfig({ REDIS_URL: 'redis://redis/3\n' }, NOTHING_NEEDED)
  assert.deepEqual(redis, { kind: 'url', url: 'redis://redis/3' })
})

test('a file that cannot be a secret is refused by its setting, path and reason', async (t) => {
  const folder = await folderOf(t, { blank: ' \r\n', two: 'redis://one\nredis://two\n' })
  await mkdir(join(folder, 'directory'))
  await writeFile(join(folder, 'binary'), 'redis://redis\0')
  for (const [name, said] of [
    ['directory', 'is a directory, not a file.'],
    ['blank', 'is empty.'],
    ['binary', 'holds a NUL character: it is binary, or UTF-16 without a byte order mark.'],
    ['absent', 'cannot be read (ENOENT).'],
  ] as const) {
    const [problem = ''] = await problemsOf({ REDIS_URL_FILE: join(folder, name) })
    assert.ok(problem.startsWith(`REDIS_URL_FILE: the file ${join(folder, name)} ${said}`), problem)
    if (name === 'blank' || name === 'absent') continue
    const [yaml = ''] = await problemsOf({ EXPUNGE_CONFIG: join(folder, name) })
    assert.ok(yaml.includes(said), yaml)
  }
  const [problem = ''] = await problemsOf({ REDIS_URL_FILE: join(folder, 'two') })
  assert.match(problem, /^REDIS_URL_FILE: expected one line of text/)
  assert.doesNotMatch(problem, /redis:\/\/one/)
})
