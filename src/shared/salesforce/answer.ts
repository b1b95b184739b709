import { z } from 'zod'
import { parseRetryAfter } from '../base/backoff.ts'
import type { Clock } from '../base/clock.ts'
import { isPage } from './error-body.ts'
import type { SalesforceError } from './errors.ts'
import { errorFromAnswer, errorFromContent } from './fault.ts'
import type { Answer } from './transport.ts'

/** Maximum bytes of an error body to read; the rest of a page adds nothing. */
const MAX_ERROR_BYTES = 65_536
/** Maximum bytes of a JSON answer; the largest, an org's limits, has about 10 KB. */
const MAX_JSON_BYTES = 4 * 1024 * 1024

/**
 * Reads an answer that is not a success and returns its typed error.
 *
 * @param renewal how to provide a new secret, if this answer may have refused one
 */
export async function readError(
  answer: Answer,
  clock: Clock,
  secrets: readonly string[],
  renewal?: string,
): Promise<SalesforceError> {
  const { operation, status, headers } = answer
  return errorFromAnswer({
    operation,
    status,
    text: await readSome(answer),
    retryAfterMs: parseRetryAfter(headers['retry-after'], clock.now()),
    redirectHost: hostOf(headers.location),
    secrets,
    renewal,
  })
}

/** Reads as much of an error body as arrives: the status matters more than a truncated body. */
async function readSome(answer: Answer): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const bytes of answer.body()) {
      text += decoder.decode(bytes, { stream: true })
      if (text.length >= MAX_ERROR_BYTES) break
    }
  } catch {
    // The part that arrived is enough.
  }
  return text
}

function hostOf(location: string | undefined): string | null {
  return location !== undefined && URL.canParse(location) ? new URL(location).host : null
}

/** A number, or its text form, which some gateways send: `12` or `"12"`. */
export const numberField: z.ZodType<number> = z.preprocess(
  (value) => (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value),
  z.number(),
)

/** A JSON answer in the expected form. @throws {SalesforceError} for anything else. */
export async function readJson<T>(answer: Answer, schema: z.ZodType<T>): Promise<T> {
  const { operation, status } = answer
  const parsed = schema.safeParse(await readJsonText(answer))
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw errorFromContent(operation, status, {
    // No request causes an unreadable login answer, or an org that creates no job.
    kind: operation === 'token' || operation === 'create' ? 'org-fault' : 'unexpected',
    code: 'UNEXPECTED_ANSWER',
    text: `not in the form expected (${fields.join('; ')})`,
  })
}

async function readJsonText(answer: Answer): Promise<unknown> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of answer.body()) {
    bytes += part.byteLength
    if (bytes > MAX_JSON_BYTES) break
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    // A 200 with a page comes from a maintenance screen or a proxy, not from the API.
    throw errorFromContent(answer.operation, answer.status, {
      kind: 'org-fault',
      code: 'NOT_JSON',
      text: `its body of ${bytes} bytes is not JSON`,
      interposed: isPage(text),
      // A token endpoint answers only in JSON, so this answer came from elsewhere.
      transient: answer.operation === 'token' || isPage(text),
    })
  }
}

/**
 * Bodies of successful answers, judged by their status and first characters. The content type is
 * unreliable: frameworks send an empty 201 with `text/html`, and CSV comes with any type.
 */

/** Characters to inspect; a page may begin with blank lines. */
const MOST_BLANKS = 1024

/**
 * Reads an unused body to its end, so that the connection can serve the next call.
 *
 * @throws {SalesforceError} if it is a page: then the answer is not from the API
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
 * The bytes of a CSV without its byte order mark. Resolves once the beginning has arrived.
 *
 * @throws {SalesforceError} if the body is a page or JSON
 */
export async function openCsv(
  answer: Answer,
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  const bytes = csv(answer)
  const first = await bytes.next()
  return first.done ? bytes : after(first.value, bytes)
}

/**
 * A whole CSV of at most so many bytes.
 *
 * @throws {SalesforceError} also if it breaks off, so that the call is retried
 */
export async function readCsv(answer: Answer, mostBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of await openCsv(answer)) {
    bytes += part.byteLength
    if (bytes > mostBytes) {
      throw errorFromContent(answer.operation, answer.status, {
        kind: 'unexpected',
        code: 'TOO_LONG',
        text: `its body has more than ${mostBytes} bytes`,
      })
    }
    parts.push(part)
  }
  return Buffer.concat(parts)
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

/** Whether these bytes are enough to recognize the body. */
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
