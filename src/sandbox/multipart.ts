import { refuse } from './reply.ts'

/** Characters of data that a multipart create may carry. */
const MAX_CONTENT = 100_000

/** The two parts of a multipart create: the job as JSON and its CSV. */
export function parseMultipart(body: Buffer, contentType: string): { job: string; csv: Buffer } {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  if (boundary === undefined) refuse(400, 'INVALIDJOB', 'Multipart request without boundary')
  // Latin-1 keeps every byte one character, so nothing of the CSV is lost on the way.
  const parts = body.toString('latin1').split(`--${boundary}`)
  const job = contentOf(parts, 'job')
  const csv = contentOf(parts, 'content')
  if (job === undefined || csv === undefined) {
    refuse(400, 'INVALIDJOB', 'Multipart request: expected the parts "job" and "content"')
  }
  const content = Buffer.from(csv, 'latin1')
  if (content.toString('utf8').length > MAX_CONTENT) {
    refuse(413, 'EXCEEDED_MAX_SIZE_REQUEST', `Multipart data exceeds ${MAX_CONTENT} characters`)
  }
  return { job: Buffer.from(job, 'latin1').toString('utf8'), csv: content }
}

function contentOf(parts: readonly string[], name: string): string | undefined {
  for (const part of parts) {
    const [, head = '', content] = /^\r?\n([\s\S]*?)\r?\n\r?\n([\s\S]*)\r?\n$/.exec(part) ?? []
    if (content !== undefined && new RegExp(`name="?${name}"?(?:[;\\s]|$)`, 'i').test(head)) {
      return content.endsWith('\r') ? content.slice(0, -1) : content
    }
  }
  return undefined
}
