import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createSecret } from '../../../src/producer/http/key-secret.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { callAt, keyEntry, openCall, PATH, rawCall } from './api.ts'
import { startServiceProcess } from './process.ts'

/** Callers who mean harm, against a process of its own, which answers the next call and grows no more. */

const ROUNDS = 5
/** Far above what the collector leaves lying about, far below what one body of 1 GB would take. */
const GROWTH_BYTES = 300_000_000
const GIGABYTE = 1_000_000_000
const MEGABYTE = 1_000_000

const scope = inReverse(after)
const redis = await startRedis(scope, {})
const folder = await mkdtemp(join(tmpdir(), 'expunge-hostile-'))
scope.after(() => rm(folder, { recursive: true, force: true }))
const [submitter, reader] = [createSecret(), createSecret()]
await writeFile(
  join(folder, 'keys.yaml'),
  keyEntry('crm', submitter, { roles: 'submit' }) + keyEntry('auditor', reader, { roles: 'read' }),
  { mode: 0o600 },
)
await writeFile(join(folder, 'expunge.json'), JSON.stringify({ http: { keys: 'keys.yaml' } }))
const service = startServiceProcess(scope, {
  REDIS_URL: redis.url,
  EXPUNGE_CONFIG: join(folder, 'expunge.json'),
  EXPUNGE_RESULTS: join(folder, 'results'),
})
const { url: status } = await service.logged('Serving /metrics, /healthz and /readyz.')
const url = String((await service.logged('Producer started.'))['url'])

const request = (more: object = {}) => ({
  object: 'Contact',
  source: { type: 'ids', ids: ids18(3) },
  ...more,
})
const head = (...more: readonly string[]) => headOf(submitter, ...more)
const headOf = (key: string, ...more: readonly string[]) =>
  [
    `POST ${PATH} HTTP/1.1`,
    ...['Host: localhost', 'Connection: close', `Authorization: Bearer ${key}`],
    ...['Content-Type: application/json', ...more, '', ''],
  ].join('\r\n')

/** What came of it, as `<status> <code>`. */
async function sent(path: string, more: Parameters<typeof callAt>[2] = {}): Promise<string> {
  const { status, json } = await callAt(url, path, { key: submitter, ...more })
  return `${status} ${json?.code}`
}
const submitted = (json: unknown, key = submitter) => sent(PATH, { json, key })

async function sentRaw(text: string): Promise<string> {
  const call = openCall(url, text)
  const answer = await call.problem
  call.end()
  return outcomeOf(answer)
}

const got = (path: string) =>
  [
    `GET ${path} HTTP/1.1`,
    ...['Host: localhost', 'Connection: close', `Authorization: Bearer ${submitter}`, '', ''],
  ].join('\r\n')

function outcomeOf(answer: string): string {
  const [, status] = /^HTTP\/1\.1 (\d+) /.exec(answer) ?? []
  const [, code] = /"code":"(\w+)"/.exec(answer) ?? []
  return `${status} ${code}`
}

/** A JSON string, without a word of how long it is. Its sender has to see the answer, though it sends on. */
async function sentGigabyte(): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  let answer = ''
  socket.setEncoding('utf8').on('data', (data) => {
    answer += data
  })
  // Also one that comes once all is written: by then it has been answered, but not all been taken in.
  socket.on('error', () => {})
  const block = 'x'.repeat(MEGABYTE)
  const chunk = `${block.length.toString(16)}\r\n${block}\r\n`
  const body = [
    head('Transfer-Encoding: chunked'),
    `1\r\n"\r\n`,
    ...Array(GIGABYTE / MEGABYTE).fill(chunk),
    '0\r\n\r\n',
  ]
  // On a busy machine the connection may be ended before all is sent: by then it has been answered.
  await pipeline(Readable.from(body), socket).catch(() => {})
  await closed
  return outcomeOf(answer)
}

const IDS = ['../../etc/passwd', '%2e%2e%2f', 'a/b', 'a\\b', '..', 'a\u0000', 'a\r\nb', '__proto__']
const FILES = ['../../keys.yaml', '..%2f..%2fkeys.yaml', '%2Fetc%2Fpasswd', 'failed.csv%00', '%2e']
const POLLUTED = [
  '{"__proto__":{"roles":["approve"]},"object":"Contact"}',
  '{"source":{"constructor":{"prototype":{"type":"ids"}}}}',
  '{"\\u005f_proto__":{"dryRun":false}}',
]
const levels = 80_000

const ATTACKS: Readonly<Record<string, readonly [() => Promise<string>, string]>> = {
  'a body that says it has 1 GB': [
    () => sentRaw(head(`Content-Length: ${GIGABYTE}`)),
    '413 BODY_TOO_LARGE',
  ],
  'as many fields as are looked at': [
    () => sent(PATH, jsonText(`{${Array.from({ length: 20_000 }, (_, k) => `"${k}":1`)}}`)),
    '422 INVALID_REQUEST',
  ],
  'as many fields as fit': [
    () => sent(PATH, jsonText(`{${Array.from({ length: 40_000 }, (_, k) => `"${k}":1`)}}`)),
    '413 BODY_TOO_LARGE',
  ],
  'deep arrays': [
    () => sent(PATH, jsonText('['.repeat(levels) + ']'.repeat(levels))),
    '400 BODY_TOO_DEEP',
  ],
  'deep objects': [
    () => sent(PATH, jsonText('{"a":'.repeat(levels) + 1 + '}'.repeat(levels))),
    '400 BODY_TOO_DEEP',
  ],
  '10,000 headers': [
    () => sentRaw(head(...Array.from({ length: 10_000 }, (_, k) => `x${k}: y`))),
    '431 HEADERS_TOO_LARGE',
  ],
  'a form': [
    () => sent(PATH, { body: 'a=b', headers: { 'Content-Type': 'multipart/form-data' } }),
    '415 MEDIA_TYPE_NOT_SUPPORTED',
  ],
  'another key': [() => submitted(request(), createSecret()), '401 KEY_UNKNOWN'],
  'a key without the right': [() => submitted(request(), reader), '403 ROLE_MISSING'],
  'a body that is to come with such a key': [
    () => sentRaw(headOf(reader, 'Content-Length: 1000')),
    '403 ROLE_MISSING',
  ],
  'an org of every object': [() => submitted(request({ org: '__proto__' })), '404 UNKNOWN_ORG'],
  'another org of every object': [
    () => submitted(request({ org: 'constructor' })),
    '404 UNKNOWN_ORG',
  ],
  'a record id with a line end': [
    () => submitted(request({ source: { type: 'ids', ids: [`${ids18(1)[0]}\n${ids18(2)[1]}`] } })),
    '422 INVALID_REQUEST',
  ],
  'a query with a prototype': [
    () => sent(`${PATH}/any?__proto__[org]=other&constructor=a`),
    '422 INVALID_REQUEST',
  ],
}

function jsonText(body: string) {
  return { body, headers: { 'Content-Type': 'application/json' } }
}

async function attack(): Promise<void> {
  for (const [name, [act, expected]] of Object.entries(ATTACKS)) {
    assert.equal(await act(), expected, name)
  }
  for (const id of IDS) {
    assert.equal(await submitted(request({ id })), '422 INVALID_REQUEST', id)
    // As it is: a client would resolve '..' by itself.
    const path = id === '..' ? '%2e%2e' : encodeURIComponent(id)
    for (const more of ['', '/results/failed.csv']) {
      const answer = await rawCall(url, got(`${PATH}/${path}${more}`))
      assert.match(answer, /^HTTP\/1\.1 404 .*No request can have this id/s, path)
    }
  }
  // Of a request that is there: what is asked for is what is wrong.
  for (const file of FILES) {
    const answer = await rawCall(url, got(`${PATH}/there/results/${file}`))
    assert.match(answer, /^HTTP\/1\.1 404 .*(?:NO_RESULT_FILE|NO_SUCH_ROUTE)/s, file)
  }
  for (const text of POLLUTED) {
    assert.equal(await sent(PATH, jsonText(text)), '400 MALFORMED_BODY', text)
  }
}

test('is refused with its reason, leaves the process alive and takes no memory', async () => {
  assert.equal(await submitted(request({ id: 'there' })), '202 undefined')
  await attack()
  const before = await residentBytes()
  const peak = watchedPeak()
  for (let round = 0; round < ROUNDS; round++) await attack()
  assert.equal(await sentGigabyte(), '413 BODY_TOO_LARGE')
  const grown = (await peak.seen()) - before
  assert.ok(grown < GROWTH_BYTES, `${before} bytes before, ${grown} more at the peak`)
  assert.equal(service.child.exitCode, null)
  // An id like any other, which every object has a field for.
  assert.equal(await sent(`${PATH}/constructor`), '404 UNKNOWN_REQUEST')
  assert.equal(await submitted(request({ id: 'constructor' })), '202 undefined')
  assert.equal(await sent(`${PATH}/constructor`), '200 undefined')
})

/** What is given back between two looks was taken all the same: so many looks, and the most of them. */
function watchedPeak(): { seen(): Promise<number> } {
  const done = new AbortController()
  const watch = async () => {
    let peak = 0
    while (!done.signal.aborted) {
      peak = Math.max(peak, await residentBytes())
      await delay(20)
    }
    return peak
  }
  const watching = watch()
  return {
    seen: () => {
      done.abort()
      return watching
    },
  }
}

async function residentBytes(): Promise<number> {
  const text = await (await fetch(new URL('/metrics', String(status)))).text()
  const bytes = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])
  assert.ok(bytes > 0)
  return bytes
}
