import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Browser } from 'puppeteer-core'
import { createSecret } from '../../../src/producer/http/key-secret.ts'
import { QUEUES } from '../../../src/shared/store/queues/queues.ts'
import { startBrowser, type Visit, visit } from '../../helpers/browser.ts'
import { submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { keyEntry, startApi } from './api.ts'
import { document } from './documented.ts'

/** The pages for people, in a real browser: what it shows, and that nothing goes wrong in it. */

const scope = inReverse(after)
const [started, redis] = await Promise.all([startBrowser(scope), startRedis(scope)])
const skip = 'problem' in started ? started.problem : false
/** Nobody works here: the jobs stay. */
const world = await startWorld(scope, { redis })
const [admin, crm] = [createSecret(), createSecret()]
const open = await startApi(scope, world, { redis })
const keyed = await startApi(scope, world, {
  redis,
  keys:
    keyEntry(`admin-${world.org}`, admin, { roles: 'admin' }) +
    keyEntry(`crm-${world.org}`, crm, { roles: 'submit, read' }),
})
for (const id of ['shown-1', 'shown-2', 'shown-3']) await submitIds(world, ids18(2), { id })

function theBrowser(): Browser {
  if ('problem' in started) throw new Error(started.problem)
  return started.browser
}

describe('the page of the API', { skip }, () => {
  test('lists every operation, and opens one with its example', async () => {
    const { page, text, troubles } = await visit(theBrowser(), `${open.url}/docs`)
    await page.waitForSelector('.opblock-summary')
    const rows = String(
      await page.evaluate(
        `[...document.querySelectorAll('.opblock-summary')].map((row) => row.querySelector('.opblock-summary-method').textContent
          + ' ' + row.querySelector('[data-path]').dataset.path).join('\\n')`,
      ),
    ).split('\n')
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    assert.deepEqual(rows.sort(), operations.sort())
    await page.click('.opblock-post .opblock-summary-control')
    await page.waitForSelector('.opblock-body .responses-table')
    assert.match(await text(), /"object": "Contact"/)
    assert.deepEqual(troubles, [])
  })
})

describe("the queues' dashboard", { skip, concurrency: true }, () => {
  test('shows queues, counts and jobs on this machine without a key', async () => {
    await assertShown(await visit(theBrowser(), `${open.url}/queues`))
  })

  test('shows them to the password of an admin', async () => {
    await assertShown(await visit(theBrowser(), `${keyed.url}/queues`, { password: admin }))
  })

  test('shows nothing to another key, nor without one', async () => {
    for (const [status, own] of [
      [403, { password: crm }],
      [401, {}],
    ] as const) {
      const { text, troubles } = await visit(theBrowser(), `${keyed.url}/queues`, own)
      assert.ok(troubles.includes(`${status}: ${keyed.url}/queues`), troubles.join('\n'))
      assert.doesNotMatch(await text(), /ingest-jobs/)
    }
  })
})

async function assertShown({ page, text, troubles }: Visit): Promise<void> {
  await page.waitForFunction(`document.body.innerText.includes('3 Jobs')`)
  const shown = await text()
  for (const name of QUEUES) {
    const jobs = name === 'requests' ? 3 : 0
    assert.match(shown, new RegExp(`^${world.org}: ${name}\n.*\n${jobs} Jobs$`, 'm'))
  }
  await page.click(`nav a[title="${world.org}: requests"]`)
  await page.waitForFunction(`document.body.innerText.includes('p-shown-3')`)
  assert.match(await text(), /p-shown-1/)
  assert.deepEqual(troubles, [])
}
