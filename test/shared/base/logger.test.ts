import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import got from 'got'
import { createLogger, type Logger } from '../../../src/shared/base/logger.ts'
import { fc } from '../../helpers/fast-check.ts'
import { hostileText, UNSAFE } from '../../helpers/hostile-text.ts'

const TOKEN = '00D5g000004MjfQ!AQEAQ.hunter2_x'

function setup(options: { name?: string } = {}) {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLogger({ level: 'info', destination, ...options })
  return { log, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1) ?? '') }
}

/** What comes out, after making sure that no secret does. */
function written(say: (log: Logger) => void) {
  const { log, text, last } = setup()
  say(log)
  assert.doesNotMatch(text(), /hunter2/)
  return last()
}

test('a line is JSON with level, time, name, fields and message', () => {
  const { log, last, text } = setup({ name: 'worker' })
  log.child({ org: 'emea' }).info({ chunks: 2 }, 'planned')
  const { level, time, name, org, chunks, msg } = last()
  assert.deepEqual(
    { level, name, org, chunks, msg },
    {
      level: 'info',
      name: 'worker',
      org: 'emea',
      chunks: 2,
      msg: 'planned',
    },
  )
  assert.equal(new Date(time).toISOString(), time)
  assert.match(text(), /^[^\n]+\n$/)
})

test('what is below the level is not written', () => {
  const { log, text } = setup()
  log.debug('nobody reads this')
  assert.equal(text(), '')
})

test('fields with a secret name are struck out at any depth, in any spelling', () => {
  const secret = 'hunter2'
  const line = written((log) =>
    log.info({
      accessToken: secret,
      client_secret: secret,
      headers: { Authorization: secret, 'X-Api-Key': secret, 'set-cookie': [secret] },
      orgs: [{ credentials: { any: secret } }, { a: { b: { c: { d: { privateKey: secret } } } } }],
      tokens: 3,
      password: null,
    }),
  )
  assert.equal(line.accessToken, '[redacted]')
  assert.deepEqual(line.orgs, [
    { credentials: '[redacted]' },
    { a: { b: { c: { d: { privateKey: '[redacted]' } } } } },
  ])
  assert.deepEqual([line.tokens, line.password], [3, null])
})

test('secrets are struck out of texts by their form, and the rest of the text stays', () => {
  const texts = [
    [`token ${TOKEN}, retrying`, 'token [redacted], retrying'],
    ['Authorization: Bearer hunter2hunter2 sent', 'Authorization: Bearer [redacted] sent'],
    ['jwt eyJhbGciOi.eyJodW50ZXIy.hunter2-_x end', 'jwt [redacted] end'],
    ['at redis://:hunter2@redis:6379/0 now', 'at redis://:[redacted]@redis:6379/0 now'],
    ['at rediss://ada:hun@ter2/hunter2@redis', 'at rediss://ada:[redacted]@redis'],
    ['grant_type=x&client_secret=hunter2&y=1', 'grant_type=x&client_secret=[redacted]&y=1'],
    [
      'got {"access_token":"hunter2","scope":"api"}',
      'got {"access_token":"[redacted]","scope":"api"}',
    ],
    ['-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----.', '[redacted].'],
    ['-----BEGIN PRIVATE KEY-----\nhunter2 cut off', '[redacted]'],
  ] as const
  for (const [said, heard] of texts) {
    assert.equal(written((log) => log.info(said)).msg, heard)
    assert.deepEqual(written((log) => log.info({ deep: [{ said }] })).deep, [{ said: heard }])
    assert.equal(written((log) => log.child({ said }).info('x')).said, heard)
    assert.equal(written((log) => log.info('it says %s', said)).msg, `it says ${heard}`)
  }
})

test("Salesforce's own sentences about secrets stay whole, and a secret in one does not", () => {
  for (const text of [
    'INVALID_LOGIN: password: The password has expired. Reset it.',
    'password: Your password must not contain your name',
    'access_token: invalid',
    'Client Secret: must not be empty',
    'assertion: expired',
    'client_secret: is missing',
    'Basic authentication is not supported; Bearer authorization is required',
  ]) {
    assert.equal(written((log) => log.info(text)).msg, text)
  }
  for (const [said, heard] of [
    ['password: hunter2 was refused', 'password: [redacted] was refused'],
    ['password: hunter2', 'password: [redacted]'],
    ['password=hunter2 is wrong', 'password=[redacted] is wrong'],
    ['"password": "hunter2 and more"', '"password": "[redacted] and more"'],
    ['password: The password: hunter2', 'password: The password: [redacted]'],
    // No sentence follows, so the word may be one.
    ['password: secret', 'password: [redacted]'],
    ['password=the', 'password=[redacted]'],
    ['"password": "the"', '"password": "[redacted]"'],
    ['Basic aHVudGVyMg== sent', 'Basic [redacted] sent'],
    ['Bearer hunterhunter2.x', 'Bearer [redacted]'],
  ] as const) {
    assert.equal(written((log) => log.info(said)).msg, heard)
  }
})

test('URLs, e-mail addresses and times without secrets pass', () => {
  for (const text of [
    'GET https://acme.my.salesforce.com:443/services/data/v61.0/jobs/ingest/750x',
    'http://127.0.0.1:9464/metrics',
    'from 10:00 to 11:00, 3 of 4 passwords asked',
    '00D5g000004MjfQEAS',
  ]) {
    assert.equal(written((log) => log.info(text)).msg, text)
  }
})

test('an error is its type, code, message, stack and causes', () => {
  const cause = new TypeError(`refused ${TOKEN}`)
  const error = Object.assign(new Error('connect redis://:hunter2@redis', { cause }), {
    code: 'E1',
  })
  const { err, msg } = written((log) => log.error(error))
  assert.deepEqual(Object.keys(err), ['type', 'code', 'message', 'stack', 'cause'])
  assert.deepEqual(
    [err.type, err.code, err.message],
    ['Error', 'E1', 'connect redis://:[redacted]@redis'],
  )
  assert.equal(msg, err.message)
  assert.match(err.stack, /logger\.test\.ts/)
  assert.deepEqual([err.cause.type, err.cause.message], ['TypeError', 'refused [redacted]'])
})

test('errors are errors wherever they stand', () => {
  const error = Object.assign(new Error('no'), { options: { body: 'hunter2' } })
  const line = written((log) =>
    log
      .child({ err: error })
      .warn({ attempts: [{ error }], all: new AggregateError([error], 'none') }),
  )
  assert.equal(line.err.message, 'no')
  assert.equal(line.attempts[0].error.message, 'no')
  assert.equal(line.all.errors[0].message, 'no')
})

test("a real HTTP client's error leaves its request, response and options behind", async (t) => {
  const server = createServer(async (request, response) => {
    await text(request)
    response.writeHead(400, { 'set-cookie': 'sid=hunter2' }).end('{"access_token":"hunter2"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const error = await got
    .post(`http://ada:hunter2@127.0.0.1:${port}/token?client_secret=hunter2`, {
      headers: { authorization: 'Bearer hunter2hunter2' },
      body: 'assertion=hunter2',
    })
    .catch((reason: unknown) => reason)
  const { err } = written((log) => log.error({ err: error }, 'login failed'))
  assert.deepEqual(Object.keys(err).toSorted(), ['code', 'message', 'stack', 'type'])
  assert.match(err.message, /400.*\/token\?client_secret=\[redacted\]/)
})

test('bytes, circles and great depths do not swell a line', () => {
  const circle: Record<string, unknown> = { bytes: Buffer.from('hunter2') }
  circle['self'] = circle
  let deep: unknown = 'bottom'
  for (let i = 0; i < 100; i++) deep = { deep }
  const line = written((log) => log.info({ circle, deep }))
  assert.deepEqual(line.circle, { bytes: '[7 bytes]', self: '[circular]' })
  assert.doesNotMatch(JSON.stringify(line.deep), /bottom/)
})

test('whatever is logged, a line is one line of JSON without the session id in it', () => {
  const around = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(fc.jsonValue(), around, around, (value, before, after) => {
      const { log, text, last } = setup()
      log.info({ value, said: { text: `${before} ${TOKEN} ${after}` } }, `${before} ${TOKEN}`)
      assert.doesNotMatch(text(), /hunter2/)
      assert.equal(text().indexOf('\n'), text().length - 1)
      assert.equal(last().level, 'info')
    }),
  )
})

test('a log that is read on a terminal holds no control character, whoever wrote the value', () => {
  fc.assert(
    fc.property(hostileText, (value) => {
      const { log, text, last } = setup()
      log.warn({ object: value, [value]: { at: [value] }, err: new Error(value) }, value)
      assert.doesNotMatch(text().slice(0, -1), UNSAFE)
      assert.equal(last().msg, last().object)
    }),
  )
})

const FULL = '/dev/full'

test('a log that cannot be written does not end the process', {
  skip: existsSync(FULL) ? false : `no ${FULL}`,
}, () => {
  const logger = new URL('../../../src/shared/base/logger.ts', import.meta.url)
  const program = `import { createLogger } from '${logger}'
    const log = createLogger({ level: 'info' })
    for (let n = 0; n < 3; n++) log.info('On a full disk.')
    setImmediate(() => console.log('alive'))`
  const full = openSync(FULL, 'w')
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', full] },
  )
  closeSync(full)
  assert.deepEqual([status, stdout], [0, 'alive\n'])
})
