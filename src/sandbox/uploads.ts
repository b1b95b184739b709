import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Call } from './call.ts'
import type { Job } from './jobs.ts'
import type { Referee } from './referee.ts'
import { refuse } from './reply.ts'
import { receiveUpload, type Upload } from './upload.ts'

/** The recommended maximum for clients: 100 MB raw, which base64 turns into less than 150 MB. */
const CAREFUL_BYTES = 100_000_000

interface UploadRules {
  readonly directory: string
  readonly maxUploadBytes: number
}

/** Receives the one upload of each job, and reports violations to the referee. */
export class Uploads {
  readonly #rules: UploadRules
  readonly #referee: Referee

  constructor(rules: UploadRules, referee: Referee) {
    this.#rules = rules
    this.#referee = referee
  }

  /**
   * The body of `PUT /jobs/ingest/{id}/batches`. Its rows are not checked here but when they are
   * processed.
   */
  async receive(job: Job, call: Call): Promise<void> {
    this.#checkTurn(job)
    this.#checkHead(job, call)
    job.content = { kind: 'receiving' }
    try {
      const upload = await this.#take(job, call.request, call.cutUploadAfter)
      if (upload) job.content = { kind: 'stored', upload }
      else this.#refuseSize(job)
    } finally {
      if (job.content.kind === 'receiving') job.content = { kind: 'none' }
    }
    await this.#checkStillOpen(job)
  }

  /** The content of a multipart create. */
  async store(job: Job, csv: Uint8Array): Promise<void> {
    const upload = await this.#take(job, single(csv), undefined)
    if (upload) job.content = { kind: 'stored', upload }
  }

  async #take(job: Job, body: AsyncIterable<Uint8Array>, cutAfter: number | undefined) {
    const upload = await receiveUpload({
      body,
      file: join(this.#rules.directory, `${job.id}.csv`),
      lineEnding: job.request.lineEnding,
      maxBytes: this.#rules.maxUploadBytes,
      cutAfter,
    })
    if (upload) {
      job.verdicts = new Uint8Array(upload.rows)
      this.#inspect(job, upload)
    }
    return upload
  }

  #checkTurn(job: Job): void {
    if (job.content.kind !== 'none') this.#referee.violation('SECOND_UPLOAD', `job ${job.id}`)
    if (job.state !== 'Open') {
      this.#referee.violation('ILLEGAL_TRANSITION', `job ${job.id}: upload while ${job.state}`)
      refuse(400, 'INVALIDJOBSTATE', `Uploading to ${job.state} Job not allowed`)
    }
    if (job.content.kind === 'none') return
    const advice = "please 'Close' / 'Abort' / 'Delete' the current Job and create a new one"
    refuse(400, 'API_ERROR', `Found multiple contents for job: <${job.id}>, ${advice}`)
  }

  #checkHead(job: Job, { request: { headers } }: Call): void {
    const type = headers['content-type'] ?? ''
    const encoding = headers['content-encoding']
    if (!/^text\/csv(?:\s*;|$)/i.test(type) || encoding !== undefined) {
      const got = encoding === undefined ? `"${type}"` : `content encoding "${encoding}"`
      this.#referee.violation('WRONG_CONTENT_TYPE', `upload: expected plain text/csv, got ${got}`)
      refuse(415, 'UNSUPPORTED_MEDIA_TYPE', `Uploads are text/csv without encoding, not ${got}`)
    }
    if (headers['content-length'] === undefined) {
      this.#referee.violation('NO_CONTENT_LENGTH', `job ${job.id}: upload without Content-Length`)
    }
    if (Number(headers['content-length']) > this.#rules.maxUploadBytes) this.#refuseSize(job)
  }

  #inspect(job: Job, upload: Upload): void {
    if (upload.bytes > CAREFUL_BYTES) {
      this.#referee.violation('UPLOAD_TOO_LARGE', `job ${job.id}: ${upload.bytes} bytes`)
    }
    if (upload.bytes > 0 && upload.header !== 'Id') {
      const header = JSON.stringify(upload.header.slice(0, 80))
      this.#referee.violation('WRONG_HEADER', `job ${job.id}: expected Id, got ${header}`)
    }
    if (!upload.lineEndingIsRight) {
      this.#referee.violation('WRONG_LINE_ENDING', `job ${job.id}: not ${job.request.lineEnding}`)
    }
  }

  #refuseSize(job: Job): never {
    const { maxUploadBytes } = this.#rules
    this.#referee.violation('UPLOAD_TOO_LARGE', `job ${job.id}: over ${maxUploadBytes} bytes`)
    refuse(413, 'EXCEEDED_MAX_SIZE_REQUEST', `Upload exceeds ${maxUploadBytes} bytes`)
  }

  /** The job may have been aborted during its upload, so that it accepts no upload any more. */
  async #checkStillOpen(job: Job): Promise<void> {
    if (job.state === 'Open' && !job.gone) return
    if (job.upload) await rm(job.upload.file, { force: true })
    job.content = { kind: 'none' }
    refuse(400, 'INVALIDJOBSTATE', `Uploading to ${job.state} Job not allowed`)
  }
}

async function* single(bytes: Uint8Array) {
  yield bytes
}
