import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { blocks, type Handler, JOB, json, received, SECRET, setup } from './fake-salesforce.ts'

const ACCESS_TOKEN = 'opaque.access/token+of no known form'.replaceAll(' ', '_')

/** Everything that a log or a receipt could make of an error. */
function everythingIn(error: unknown): string {
  const shown = inspect(error, { depth: 20, showHidden: true, getters: true })
  const own = error instanceof Error ? [error.message, error.stack, error.cause] : []
  return [shown, JSON.stringify(error), ...own.map(String)].join('\n')
}

/** Servers at their worst: they quote what we sent. */
const quote = (status: number, form: (sent: string) => string): Handler => {
  return async (request, response) => {
    await received(request)
    const sent = `${JSON.stringify(request.headers)} ${decodeURIComponent(request.seen.body)}`
    response.writeHead(status, { 'content-type': 'text/plain' }).end(form(sent))
  }
}
const plain = (sent: string) => sent
const page = (sent: string) => `<html><body>${sent}</body></html>`
const apiJson = (sent: string) => JSON.stringify([{ errorCode: 'ODD', message: sent }])
const asCode = (sent: string) => JSON.stringify([{ errorCode: sent, message: '' }])
const oauth = (sent: string) => JSON.stringify({ error: sent, error_description: sent })
const reset: Handler = (request) => void request.socket.resetAndDestroy()
const cut: Handler = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/csv', 'content-length': '99' })
  response.write('x', () => response.destroy())
}

const worst: readonly (readonly [string, Handler])[] = [
  ...[200, 302, 400, 401, 403, 404, 500].flatMap((status) =>
    [plain, page, apiJson, asCode, oauth].map(
      (form) => [`${status} that quotes in ${form.name}`, quote(status, form)] as const,
    ),
  ),
  ['a reset', reset],
  ['a body cut short', cut],
]

for (const [what, handler] of worst) {
  test(`no error after ${what} holds a secret or a token`, async (t) => {
    const login = await setup(t, { 'POST /services/oauth2/token': handler })
    const calls = await setup(t, {
      'POST /services/oauth2/token': async (request, response) => {
        await received(request)
        const instance_url = `http://${request.headers.host}`
        json(response, 200, { access_token: ACCESS_TOKEN, instance_url })
      },
      '*': handler,
    })
    const { ingest } = calls.salesforce
    const attempts = [
      () => login.salesforce.ingest.get(JOB),
      () => ingest.get(JOB),
      () => ingest.create({ object: 'Contact', operation: 'delete' }),
      () => ingest.upload(JOB, { bytes: 3, stream: blocks('Id\n') }),
      async () => {
        for await (const _ of ingest.failedResults(JOB));
      },
      () => calls.salesforce.login(),
    ]
    let errors = 0
    for (const attempt of attempts) {
      try {
        await attempt()
      } catch (error) {
        errors += 1
        const text = everythingIn(error)
        for (const secret of [SECRET, ACCESS_TOKEN]) {
          assert.ok(!text.includes(secret), text)
          assert.ok(!text.includes(encodeURIComponent(secret)), text)
        }
      }
    }
    assert.ok(errors >= 4)
    assert.ok(!inspect(calls.salesforce, { depth: 20, showHidden: true }).includes(SECRET))
  })
}
