import assert from 'node:assert/strict'
import { z } from 'zod'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { eventually } from './run.ts'

const receiptSchema = z.object({
  plan: z.object({ accepted: z.number(), chunks: z.number() }),
  outcome: z.object({
    deleted: z.number(),
    alreadyGone: z.number(),
    failed: z.number(),
    unprocessed: z.number(),
  }),
  ingestJobs: z.array(z.object({ id: z.string(), attempt: z.number() })),
})
const viewSchema = z.object({
  status: z.string(),
  receipt: receiptSchema.nullish(),
})
export type Receipt = z.infer<typeof receiptSchema>

const TERMINAL = ['completed', 'incomplete', 'refused', 'cancelled', 'failed']

/** The HTTP API, as a caller with a key sees it. */
export interface Api {
  submit(id: string, records: number): Promise<void>
  /** @param seconds to wait for the end */
  receipt(id: string, seconds: number): Promise<Receipt>
  /** Data rows of a result file. */
  rows(id: string, file: string): Promise<readonly string[]>
}

export function apiOf(origin: string, key: string): Api {
  const call = async (path: string, init: RequestInit = {}) => {
    const headers = { Authorization: `Bearer ${key}`, ...init.headers }
    const answer = await fetch(`${origin}/v1/deletion-requests${path}`, { ...init, headers })
    const body = await answer.text()
    assert.ok(answer.ok, `${init.method ?? 'GET'} ${path}: ${answer.status} ${body}`)
    return body
  }
  return {
    submit: async (id, records) => {
      const headers = { 'Content-Type': 'text/csv' }
      const body = csv(id, records)
      await call(`?id=${id}&object=Contact`, { method: 'POST', headers, body })
    },
    receipt: (id, seconds) =>
      eventually(`request ${id} ends`, seconds, async () => {
        const { status, receipt } = viewSchema.parse(JSON.parse(await call(`/${id}`)))
        if (!TERMINAL.includes(status)) return null
        assert.ok(receipt, `${id} is ${status} without a receipt`)
        return receipt
      }),
    rows: async (id, file) => (await call(`/${id}/results/${file}`)).trim().split('\n').slice(1),
  }
}

/** Contacts of a block of their own for each request. */
function csv(id: string, records: number): string {
  const block = id
    .replaceAll(/[^a-z]/g, '')
    .slice(0, 3)
    .padEnd(3, 'x')
  const number = (n: number) => n.toString(36).padStart(6, '0')
  const ids = Array.from({ length: records }, (_, n) => to18(`0035g0${block}${number(n)}`))
  return `Id\n${ids.join('\n')}\n`
}

/** Every id has its verdict. */
export function assertAccounted({ plan, outcome }: Receipt, records: number): void {
  const { deleted, alreadyGone, failed, unprocessed } = outcome
  assert.equal(plan.accepted, records)
  assert.equal(deleted + alreadyGone + failed + unprocessed, records)
  assert.equal(unprocessed, 0)
}
