// With the library: a purge by rule. It approves the plan if it takes a small share of the object.
//
//   REDIS_URL=redis://localhost:6379 node examples/rule.ts REQUEST_ID OBJECT QUERY
//   … rule.ts inactive-2026-12 Lead "SELECT Id FROM Lead WHERE LastActivityDate < LAST_N_MONTHS:24"
import { setTimeout as delay } from 'node:timers/promises'
import { createProducer, ExpungeError, type RequestView } from 'expunge'

/** A rule that takes more of the object than this is likely to be wrong. */
const MOST_SHARE = 0.05

const [id, object, query] = process.argv.slice(2)
if (id === undefined || object === undefined || query === undefined) {
  console.error('usage: node examples/rule.ts REQUEST_ID OBJECT QUERY')
  process.exit(2)
}
const org = process.env['ORG'] ?? 'default'
const producer = await createProducer({
  redis: process.env['REDIS_URL'] ?? 'redis://localhost:6379',
  onError: (error) => console.error(error.message),
})

try {
  const source = { type: 'soql', query } as const
  await producer.submit({ id, org, object, source, approval: 'required', reason: 'example' })
  const { status, plan, objectRecords } = await planned(id)
  if (status === 'awaiting-approval') {
    const found = plan?.accepted ?? 0
    console.log(`${found} of about ${objectRecords ?? 'an unknown number of'} ${object} records`)
    const isSmall = objectRecords !== null && found / objectRecords <= MOST_SHARE
    if (isSmall) await producer.approve(id, { org })
    else await producer.cancel(id, { org })
  }
  const { status: end, outcome, error } = await producer.wait(id, { org })
  console.log(`${id}: ${end}, ${outcome?.deleted ?? 0} deleted`)
  if (error !== null) console.error(`${error.code}: ${error.message}`)
  process.exitCode = end === 'completed' ? 0 : 1
} catch (error) {
  if (!(error instanceof ExpungeError)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 2
} finally {
  await producer.close()
}

/** Follows the request until its plan is there, or it has ended without one. */
async function planned(id: string): Promise<RequestView> {
  for (;;) {
    const view = await producer.inspect(id, { org })
    if (view === null) throw new Error(`${id} is gone`)
    if (view.status !== 'queued' && view.status !== 'planning') return view
    await delay(250)
  }
}
