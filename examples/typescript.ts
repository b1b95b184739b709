// With the library: submit, look at the plan, approve or cancel it, wait for the receipt.
//
//   REDIS_URL=redis://localhost:6379 node examples/typescript.ts REQUEST_ID RECORD_ID...
//
// A worker has to be running (npx expunge worker). Node runs this file as it is.
import { setTimeout as delay } from 'node:timers/promises'
import { createProducer, ExpungeError, type RequestView } from 'expunge'

const [id, ...ids] = process.argv.slice(2)
if (id === undefined || ids.length === 0) {
  console.error('usage: node examples/typescript.ts REQUEST_ID RECORD_ID...')
  process.exit(2)
}
const org = process.env['ORG'] ?? 'default'
const producer = await createProducer({
  redis: process.env['REDIS_URL'] ?? 'redis://localhost:6379',
  onError: (error) => console.error(error.message),
})

try {
  // The id is your idempotency key: after a crash or a timeout simply submit the same again.
  const { created } = await producer.submit({
    id,
    org,
    object: 'Contact',
    source: { type: 'ids', ids },
    approval: 'required', // the plan waits for `approve`; leave this out and it is carried out at once
    reason: 'example',
  })
  console.log(created ? `submitted ${id}` : `${id} was submitted before`)

  const { status, plan } = await planned(id)
  if (status === 'awaiting-approval') {
    // A rule of your own. Here: every id that was listed has to be a record id, and there once.
    const isAsExpected = plan?.accepted === ids.length
    console.log(`${plan?.accepted} of ${ids.length} would be deleted`)
    if (isAsExpected) await producer.approve(id, { org })
    else await producer.cancel(id, { org })
  }

  const receipt = await producer.wait(id, { org })
  console.log(JSON.stringify(receipt, null, 2))
  process.exitCode = receipt.status === 'completed' ? 0 : 1
} catch (error) {
  // Each has a code that stays (INVALID_REQUEST, REDIS_AWAY ...) and says what to do next.
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
