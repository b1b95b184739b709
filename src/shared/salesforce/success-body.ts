import { isPage } from './error-body.ts'
import { errorFromContent } from './fault.ts'
import type { Answer } from './transport.ts'

/**
 * The bodies of successes, judged by their status and their first characters. The header says
 * nothing: frameworks send an empty 201 with `text/html`, and CSV comes as anything.
 */

/** Characters that tell what a body is; a page may begin with blank lines. */
const MOST_BLANKS = 1024

/**
 * Reads a body of no interest to its end, so that the connection can serve the next call.
 *
 * @throws {SalesforceError} where it is a page: then it was not the API that answered
 */
export async function drain(answer: Answer): Promise<void> {
  let begin = Buffer.alloc(0)
  for await (const bytes of answer.body()) {
    if (!isTold(begin)) begin = Buffer.concat([begin, bytes])
  }
  if (isPage(textOf(begin)))
    throw foreign(answer, 'NOT_AN_ANSWER', 'a page, as no answer of the API is')
}

/**
 * The bytes of a CSV without its byte order mark. Its beginning is there when this resolves.
 *
 * @throws {SalesforceError} where the body is a page or JSON
 */
export async function openCsv(
  answer: Answer,
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  const bytes = csv(answer)
  const first = await bytes.next()
  return first.done ? bytes : after(first.value, bytes)
}

async function* after(first: Uint8Array, rest: AsyncGenerator<Uint8Array, void, undefined>) {
  try {
    yield first
    yield* rest
  } finally {
    await rest.return()
  }
}

async function* csv(answer: Answer): AsyncGenerator<Uint8Array, void, undefined> {
  let begin = Buffer.alloc(0)
  let isBegun = false
  for await (const bytes of answer.body()) {
    if (isBegun) {
      yield bytes
      continue
    }
    begin = Buffer.concat([begin, bytes])
    if (!isTold(begin)) continue
    isBegun = true
    yield csvFrom(begin, answer)
  }
  if (!isBegun && begin.length > 0) yield csvFrom(begin, answer)
}

function csvFrom(begin: Buffer, answer: Answer): Uint8Array {
  const text = textOf(begin)
  if (isPage(text)) throw foreign(answer, 'NOT_CSV', 'a page, not CSV')
  if (/^\uFEFF?\s*[[{]/.test(text)) {
    const content = {
      kind: 'org-fault',
      code: 'NOT_CSV',
      text: 'its body is JSON, not CSV',
    } as const
    throw errorFromContent(answer.operation, answer.status, content)
  }
  return text.startsWith('\uFEFF') ? begin.subarray(3) : begin
}

/** Whether these bytes are enough to tell what the body is. */
function isTold(begin: Buffer): boolean {
  return begin.length >= MOST_BLANKS || /^\uFEFF?\s*[^\s\uFEFF\uFFFD]/.test(textOf(begin))
}

function textOf(begin: Buffer): string {
  return begin.toString('utf8', 0, MOST_BLANKS)
}

function foreign(answer: Answer, code: string, what: string) {
  const content = {
    kind: 'org-fault',
    code,
    text: `its body is ${what}`,
    interposed: true,
  } as const
  return errorFromContent(answer.operation, answer.status, content)
}
