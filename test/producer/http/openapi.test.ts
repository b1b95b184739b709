import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import createClient from 'openapi-fetch'
import { CLIENT_TYPES, clientTypes } from '../../../scripts/http-client-types.ts'
import { createSecret } from '../../../src/producer/http/key-secret.ts'
import { problemSchema } from '../../../src/producer/http/openapi/parts.ts'
import {
  acceptedExample,
  completedExample,
  viewSchema,
} from '../../../src/producer/http/openapi/request.ts'
import { pageSchema } from '../../../src/producer/http/routes/list.ts'
import { parseRequest } from '../../../src/shared/contract/request.ts'
import { receiptOf, statusReached } from '../../helpers/deletion.ts'
import { id18, ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { keyEntry, PATH, rawCall, startApi } from './api.ts'
import type { components, paths } from './client.generated.ts'
import { document } from './documented.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
const [crm, officer] = [createSecret(), createSecret()]
const api = await startApi(scope, world, {
  redis,
  keys:
    keyEntry(`crm-${world.org}`, crm, { roles: 'submit' }) +
    keyEntry(`officer-${world.org}`, officer, { roles: 'read, approve' }),
})

const exampleOf = (body: { readonly content: Record<string, unknown> } | undefined) =>
  Object(body?.content['application/json']).example

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1, and what the service serves', async () => {
    const { json } = await api.call('/openapi.json')
    assert.equal(json.openapi, '3.1.0')
    assert.equal(json.info.version, '1.2.3')
    const validator = new Validator()
    const { valid, errors } = await validator.validate(json)
    assert.ok(valid, JSON.stringify(errors))
    assert.equal(validator.version, '3.1')
    assert.deepEqual(json.paths, document.paths)
  })

  test('has every method of every path, and no others', async () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      const { headers } = await api.call(path.replaceAll(/\{\w+\}/g, 'a'), { method: 'OPTIONS' })
      const allowed = (headers.get('allow') ?? '').split(', ').filter((method) => method !== 'HEAD')
      assert.deepEqual(
        [...Object.keys(operations), ...(path === UPLOADS ? ['get'] : [])]
          .map((method) => method.toUpperCase())
          .sort(),
        allowed.sort(),
        path,
      )
    }
  })

  test('shows examples that are what it describes', () => {
    assert.deepEqual(viewSchema.parse(acceptedExample), acceptedExample)
    assert.deepEqual(viewSchema.parse(completedExample), completedExample)
    const { get, post } = document.paths[PATH] ?? {}
    const page = exampleOf(get?.responses['200'])
    const submit = exampleOf(post?.requestBody)
    assert.deepEqual(pageSchema.parse(page), page)
    assert.equal(parseRequest(submit, 0).id, submit.id)
    const { id, org: _, ...fields } = completedExample.request
    assert.deepEqual(
      { ...fields, source: { type: 'ids', ids: [] } },
      {
        ...withoutOrg(parseRequest({ ...submit, source: { type: 'ids', ids: [] } }, 0)),
      },
    )
    assert.equal(id, submit.id)
    for (const operations of Object.values(document.paths)) {
      for (const { responses } of Object.values(operations)) {
        for (const [status, { content }] of Object.entries(responses)) {
          if (Number(status) < 400) continue
          const { example } = Object(content['application/problem+json'])
          assert.equal(problemSchema.parse(example).status, Number(status))
        }
      }
    }
  })

  test('is what the client in this folder was generated from', async () => {
    const current = await readFile(CLIENT_TYPES, 'utf8')
    assert.equal(current, await clientTypes(), 'Run: npx node scripts/http-client-types.ts')
  })
})

/** Where a request of the id `csv` can be looked at too. */
const UPLOADS = `${PATH}/csv`

const withoutOrg = ({ id: _, org: __, ...rest }: ReturnType<typeof parseRequest>) => rest

describe('a client that was generated from it', () => {
  const clientOf = (key: string) =>
    createClient<paths>({ baseUrl: api.url, headers: { Authorization: `Bearer ${key}` } })

  test('submits, follows, approves and fetches the results', async () => {
    await world.startWorker()
    const { org } = world
    const submitting = clientOf(crm)
    const source = { type: 'ids' as const, ids: [...ids18(12), id18(1, '00Q')] }
    const submitted = await submitting.POST(PATH, {
      body: {
        id: 'by-client',
        org,
        object: 'Contact',
        source,
        onInvalid: 'skip',
        approval: 'required',
      },
    })
    assert.equal(submitted.response.status, 202)
    const accepted: components['schemas']['Request'] | undefined = submitted.data
    assert.equal(accepted?.status, 'queued')
    await statusReached(world, 'by-client', 'awaiting-approval')

    const officers = clientOf(officer)
    const params = { path: { id: 'by-client' }, query: { org } }
    const own = await submitting.POST(`${PATH}/{id}/approve`, { params })
    assert.equal(own.error?.code, 'ROLE_MISSING')
    const approved = await officers.POST(`${PATH}/{id}/approve`, { params, body: { reason: 'ok' } })
    assert.equal(approved.response.status, 200)
    await receiptOf(world, 'by-client')

    const look = await submitting.GET(`${PATH}/{id}`, { params })
    assert.equal(look.data?.status, 'completed')
    assert.equal(look.data?.receipt?.outcome?.deleted, 12)
    const listed = await officers.GET(PATH, { params: { query: { org, status: 'completed' } } })
    assert.deepEqual(
      listed.data?.requests.map(({ id }) => id),
      ['by-client'],
    )
    const file = await officers.GET(`${PATH}/{id}/results/{file}`, {
      params: { path: { id: 'by-client', file: 'invalid.csv' }, query: { org } },
      parseAs: 'text',
    })
    assert.match(file.data ?? '', /^Line,Value,Reason\n13,/)
  })

  test('sends a CSV', async () => {
    const query = { org: world.org, object: 'Contact', id: 'csv-by-client', dryRun: true }
    const { response, data } = await clientOf(crm).POST(`${PATH}/csv`, {
      params: { query },
      body: `Id\n${ids18(5).join('\n')}\n`,
      bodySerializer: (body) => body,
      headers: { 'Content-Type': 'text/csv' },
    })
    assert.deepEqual([response.status, data?.id], [202, 'csv-by-client'])
    assert.equal((await receiptOf(world, 'csv-by-client')).plan?.accepted, 5)
  })
})

describe('its page for people', () => {
  test('is served whole from here, under a policy that lets nothing else in', async () => {
    const start = await api.call('/')
    assert.deepEqual([start.status, start.headers.get('location')], [302, '/docs/'])
    const page = await api.call('/docs/')
    assert.equal(page.status, 200)
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/)
    assert.doesNotMatch(policy, /unsafe|https?:/)
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
    assert.ok(parts.length >= 4)
    for (const part of parts) {
      const { status, headers } = await api.call(new URL(part, `${api.url}/docs/`).pathname)
      assert.equal(status, 200, part)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
    }
    assert.doesNotMatch(page.text, /<script>|<style| style=| on\w+=/)
    assert.equal((await api.call('/docs/json')).json.info.title, 'Expunge')
  })

  test('has no files but its own, and gives each of them whole', async () => {
    const get = (path: string, ...more: readonly string[]) =>
      rawCall(
        api.url,
        [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...more, '', ''].join(
          '\r\n',
        ),
      )
    for (const name of ['../../package.json', '%2e%2e/', '..\\x', '%00', 'x'.repeat(3000), 'x']) {
      assert.match(await get(`/docs/static/${name}`), /^HTTP\/1\.1 404 .*"NO_SUCH_ROUTE"/s, name)
    }
    for (const line of ['Range: bytes=99999999-', 'If-Match: "x"']) {
      assert.match(await get('/docs/static/index.css', line), /^HTTP\/1\.1 200 /, line)
    }
  })
})
