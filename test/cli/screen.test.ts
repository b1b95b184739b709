import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingLines } from '../../src/cli/doctor/finding.ts'
import { sentences } from '../../src/cli/own-worker.ts'
import { summary } from '../../src/cli/receipt.ts'
import { orgLine, orgWords } from '../../src/cli/render/org.ts'
import { planTable, question } from '../../src/cli/render/plan.ts'
import { requestTable } from '../../src/cli/render/request.ts'
import { requestLines } from '../../src/cli/render/request-list.ts'
import { waitingSentences } from '../../src/cli/render/waiting.ts'
import { type Style, shown, shownBytes, styler } from '../../src/cli/styled-text.ts'
import { createLogger } from '../../src/shared/base/logger.ts'
import type { Receipt } from '../../src/shared/contract/receipt.ts'
import type { RequestView } from '../../src/shared/store/request-view.ts'
import { pauses } from '../../src/shared/store/waiting.ts'
import { fc } from '../helpers/fast-check.ts'
import { hostileText, UNSAFE } from '../helpers/hostile-text.ts'
import { plain } from './plain.ts'
import { identity, plan, receipt, request } from './render/fixtures.ts'

/** Colours without a terminal; read by Node at each call. */
process.env['FORCE_COLOR'] = '1'
const style = styler(process.stderr)

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours as a terminal gets them
const SGR = /\u001b\[\d+m/g

const WHERE = { org: 'default', embedded: false }

/** Everything that the commands show, with one text in every field that others may fill. */
function everything(text: string, colours: Style): string {
  const ended: Receipt = {
    ...receipt,
    object: text,
    reason: text,
    failures: { [text]: 3 },
    ingestJobs: [{ id: text, state: text, records: 3, attempt: 1 }],
    error: { code: text, message: text },
  }
  const asked = {
    ...request,
    object: text,
    reason: text,
    source: { type: 'file', path: text },
  } as const
  const view: RequestView = {
    id: 'gdpr-1',
    org: 'default',
    status: 'incomplete',
    stopping: null,
    waiting: [],
    submittedAt: receipt.submittedAt,
    submittedBy: text,
    content: null,
    approvedBy: null,
    cancelledBy: null,
    prioritizedBy: null,
    objectRecords: null,
    preflight: null,
    cost: null,
    keptPlan: null,
    appliesPlanOf: null,
    request: asked,
    plan,
    progress: null,
    receipt: ended,
  }
  const who = { ...identity, name: text, username: text }
  const fault = { reason: 'login', message: text, failures: 1, since: 0, until: 0 } as const
  const said: string[] = []
  const log = createLogger({
    level: 'warn',
    destination: sentences(
      (line) => said.push(line),
      () => 0,
    ),
  })
  log.warn({ err: new Error(text) }, 'Something is wrong.')
  return [
    requestTable(view, colours, {
      waiting: waitingSentences(pauses({ operator: null, fault }), WHERE),
      atWork: [text],
      results: text,
    }),
    requestLines([view, view], colours, null),
    summary(ended, null, colours),
    question(plan, asked, orgWords(who)),
    orgLine('default', who, colours),
    findingLines([{ check: 'Org', verdict: 'warn', found: text, advice: text }], colours),
    ...said,
  ].join('\n')
}

test('hostile text in any field adds no control character, colour or line to what is shown', () => {
  const harmless = shown(everything('Art. 17', style))
  const colours = harmless.match(SGR) ?? []
  assert.ok(colours.length > 10)
  fc.assert(
    fc.property(hostileText, (text) => {
      const out = shown(everything(text, style))
      assert.doesNotMatch(out.replaceAll(SGR, '').replaceAll('\n', ''), UNSAFE)
      assert.deepEqual(out.match(SGR), colours)
      assert.equal(out.split('\n').length, harmless.split('\n').length)
      // Files and pipes get no sequence at all.
      assert.doesNotMatch(shown(everything(text, plain)).replaceAll('\n', ''), UNSAFE)
    }),
  )
})

test('coloured cells of a table leave no sequence behind that would be shown escaped', () => {
  const out = shown(planTable({ ...plan, invalid: 2, unchecked: 3 }, request, null, style))
  assert.ok(out.includes('\u001b[33m3\u001b[39m  15 characters'), out)
  for (const text of [out, shown(everything('Art. 17', style))])
    assert.doesNotMatch(text, /\\u001b/)
})

test('what nobody escaped before is escaped at the last step', () => {
  assert.equal(
    shown(`${style('bold', 'a\u001b[31mb')} \u001b[0m\u009b2J`),
    '\u001b[1ma\\u001b[31mb\u001b[22m \\u001b[0m\\u009b2J',
  )
})

test('a file on a terminal is shown safely, however its characters are cut into blocks', async () => {
  const text = 'Id,Code,Message\n003…,X,"\u001b]52;c;AAAA\u0007 Löschung \u202e 👍"\n'
  const bytes = Buffer.from(text)
  for (const size of [1, 2, 3, 5, 64, 1000]) {
    const blocks = async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    let out = ''
    for await (const part of shownBytes(blocks())) out += part
    assert.equal(out, 'Id,Code,Message\n003…,X,"\\u001b]52;c;AAAA\\u0007 Löschung \\u202e 👍"\n')
  }
})
